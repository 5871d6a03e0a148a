import { inspectModel, type ModelFile, type ModelReport } from '@muse/muse/worker';
import { type ChangeEvent, useEffect, useRef, useState } from 'react';
import { SelectField } from '../parts/Field.tsx';
import { Icon } from '../parts/Icon.tsx';
import { megabytes } from '../parts/units.ts';
import { problemOf } from '../session/problems.ts';
import { switchTo } from '../session/session.ts';
import { type DeviceChoice, hubChoice, type ModelChoice, type Problem } from '../state/state.ts';
import { bundledChoice, getState, useStore } from '../state/store.ts';
import { fitsDevice, readLimits, type Verdict } from './fits.ts';

interface ModelsDialogProps {
  readonly isOpen: boolean;
  readonly onClose: () => void;
}

type Found = { report: ModelReport; verdict: Verdict } | { problem: Problem } | 'asking';

const devices = [
  ['auto', 'Automatic: the GPU if there is one'],
  ['webgpu', 'WebGPU'],
  ['wasm', 'WebAssembly, on the processor'],
] as const;

/** Which model, on which device; what is known of it is told before it is loaded. */
export function ModelsDialog({ isOpen, onClose }: ModelsDialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const current = useStore((state) => state.choice);
  const [choice, setChoice] = useState<ModelChoice>(current);
  const [device, setDevice] = useState<DeviceChoice>(getState().device);
  const [found, setFound] = useState<Found | undefined>();
  useEffect(() => {
    if (isOpen) dialog.current!.showModal();
    else dialog.current!.close();
  }, [isOpen]);
  const inspect = async (next: ModelChoice) => {
    setChoice(next);
    setFound('asking');
    setFound(await lookInto(next, device));
  };
  return (
    <dialog ref={dialog} className="models" aria-labelledby="models-title" onClose={onClose}>
      <header>
        <h2 id="models-title">Models</h2>
        <button type="button" className="icon" aria-label="Close" onClick={onClose}>
          <Icon name="close" />
        </button>
      </header>
      <ul className="model-sources">
        <li>
          <button type="button" aria-pressed={choice === bundledChoice} onClick={() => void inspect(bundledChoice)}>
            <strong>{bundledChoice.title}</strong>
            <span>{megabytes(bundledChoice.sizeBytes!)}, kept by the browser after the first time</span>
          </button>
        </li>
        <li>
          <FolderButton onFolder={(next) => void inspect(next)} />
        </li>
        <li>
          <HubForm onId={(next) => void inspect(next)} />
        </li>
      </ul>
      <SelectField label="Computed by" value={device} choices={devices} onChange={setDevice} />
      <Findings found={found} title={choice.title} />
      <footer>
        <button
          type="button"
          className="primary"
          disabled={found === 'asking' || (found !== undefined && 'problem' in found)}
          onClick={() => {
            onClose();
            void switchTo(choice, device);
          }}
        >
          Load {choice.title}
        </button>
      </footer>
    </dialog>
  );
}

/** Reads headers in a worker of its own, so that the model in use stays. */
async function lookInto({ source }: ModelChoice, device: DeviceChoice): Promise<Found> {
  const worker = new Worker(new URL('../museWorker.ts', import.meta.url), { type: 'module', name: 'muse-inspect' });
  try {
    const [report, limits] = await Promise.all([inspectModel(worker, source), readLimits(device)]);
    return { report, verdict: fitsDevice(report, limits) };
  } catch (error) {
    return { problem: problemOf(error) };
  } finally {
    worker.terminate();
  }
}

function Findings({ found, title }: { readonly found: Found | undefined; readonly title: string }) {
  return (
    <div className="findings" role="status">
      {found === 'asking' ? (
        <p>Looking into {title} …</p>
      ) : found && 'problem' in found ? (
        <p className="bad">
          <strong>{found.problem.title}</strong> {found.problem.advice} <small>{found.problem.detail}</small>
        </p>
      ) : found ? (
        <>
          <p className={found.verdict.fits === 'no' ? 'bad' : ''}>
            <strong>{found.report.name}</strong>, {found.report.license || 'licence unknown'}; {found.verdict.text}
          </p>
          <table>
            <thead>
              <tr>
                <th scope="col">part</th>
                <th scope="col">parameters</th>
                <th scope="col">size</th>
              </tr>
            </thead>
            <tbody>
              {found.report.components.map(({ name, numParameters, sizeBytes }) => (
                <tr key={name}>
                  <th scope="row">{name.replaceAll('_', ' ')}</th>
                  <td>{(numParameters / 1e6).toFixed(1)} M</td>
                  <td>{megabytes(sizeBytes)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </>
      ) : (
        <p>Choose a model to see its size and whether it fits.</p>
      )}
    </div>
  );
}

function FolderButton({ onFolder }: { readonly onFolder: (choice: ModelChoice) => void }) {
  const input = useRef<HTMLInputElement>(null);
  const onFiles = ({ target }: ChangeEvent<HTMLInputElement>) => {
    const files: ModelFile[] = [...(target.files ?? [])].map((file) => ({
      // The first part is the folder's own name.
      path: file.webkitRelativePath.split('/').slice(1).join('/'),
      file,
    }));
    const name = target.files?.[0]?.webkitRelativePath.split('/')[0] ?? 'folder';
    if (files.length > 0) onFolder({ title: name, source: { name, files } });
    target.value = '';
  };
  return (
    <>
      <button type="button" onClick={() => input.current!.click()}>
        <strong>A folder on this machine</strong>
        <span>Muse or aMUSEd, in the layout of diffusers; nothing is uploaded</span>
      </button>
      <input
        ref={(element) => {
          input.current = element;
          element?.setAttribute('webkitdirectory', '');
        }}
        type="file"
        multiple
        hidden
        aria-label="Model folder"
        onChange={onFiles}
      />
    </>
  );
}

function HubForm({ onId }: { readonly onId: (choice: ModelChoice) => void }) {
  const [id, setId] = useState('');
  return (
    <form
      className="hub-form"
      onSubmit={(event) => {
        event.preventDefault();
        onId(hubChoice(id.trim()));
      }}
    >
      <label htmlFor="hub-id">
        <strong>From the Hugging Face hub</strong>
      </label>
      <div className="with-buttons">
        <input
          id="hub-id"
          type="text"
          required
          pattern="[\w.\-]+/[\w.\-]+"
          placeholder="amused/amused-256"
          value={id}
          spellCheck={false}
          onChange={({ target }) => setId(target.value)}
        />
        <button type="submit">Look</button>
      </div>
    </form>
  );
}
