import { wasmFolder } from 'virtual:bundled-model';
import { connectMuse, type RemoteMuse } from '@muse/muse/worker';
import { keepRest } from '../shell/keepOffline.ts';
import { announce, notify } from '../state/changes.ts';
import type { DeviceChoice, ModelChoice } from '../state/state.ts';
import { getState, update } from '../state/store.ts';
import { isAbort, problemOf } from './problems.ts';

/** The worker with its model; outside of the state, as it is no value. */
let worker: Worker | undefined;
let muse: RemoteMuse | undefined;
let loading: { controller: AbortController; done: Promise<RemoteMuse | undefined> } | undefined;

/** Progress is drawn this often at most. */
const PROGRESS_MS = 100;

function newWorker(): Worker {
  return new Worker(new URL('../museWorker.ts', import.meta.url), { type: 'module', name: 'muse' });
}

/** The pipeline, if it is loaded. */
export function loadedMuse(): RemoteMuse | undefined {
  return muse;
}

/** The pipeline of the chosen model on the chosen device, loaded if it is not; undefined when that failed or was stopped. */
export function ensureMuse(): Promise<RemoteMuse | undefined> {
  if (muse) return Promise.resolve(muse);
  if (loading) return loading.done;
  const controller = new AbortController();
  const { choice, device } = getState();
  const done = load(choice, device, controller.signal).finally(() => {
    loading = undefined;
  });
  loading = { controller, done };
  return done;
}

async function load(choice: ModelChoice, device: DeviceChoice, signal: AbortSignal): Promise<RemoteMuse | undefined> {
  const progress = new DownloadProgress(choice.sizeBytes ?? 0);
  update((state) => ({ ...state, model: progress.state(), problem: undefined }));
  announce(`Loading the model ${choice.title}.`);
  worker ??= newWorker();
  let last = 0;
  try {
    muse = await connectMuse(worker, choice.source, {
      device,
      signal,
      wasmFolder: new URL(wasmFolder, document.baseURI).href,
      onProgress: (event) => {
        if (event.status !== 'progress') return;
        progress.add(event.file, event.loaded, event.total);
        if (performance.now() - last < PROGRESS_MS) return;
        last = performance.now();
        update((state) => ({ ...state, model: progress.state() }));
      },
    });
    const { facts } = muse;
    update((state) => ({ ...state, model: { status: 'ready', facts } }));
    announce(`The model is ready on ${facts.device}.`);
    if (facts.device === 'wasm' && device === 'auto') notify(wasmNotice(facts.deviceReason));
    void readMemory();
    void keepRest();
    return muse;
  } catch (error) {
    endWorker();
    if (isAbort(error)) update((state) => ({ ...state, model: { status: 'absent' } }));
    else {
      const problem = problemOf(error);
      update((state) => ({ ...state, model: { status: 'failed', problem }, problem }));
      announce(`${problem.title} ${problem.advice}`);
    }
    return undefined;
  }
}

/** Why it is slower than it could be; the backend's words name every device that was passed over. */
function wasmNotice(reason: string): string {
  const why = /not webgpu: ([^;]*)/.exec(reason)?.[1] ?? 'there is no WebGPU';
  return `Computed by WebAssembly, on the processor: ${why}. With WebGPU images come faster.`;
}

export async function readMemory(): Promise<void> {
  const memory = await muse?.memory().catch(() => undefined);
  update((state) => (state.model.status === 'ready' ? { ...state, model: { ...state.model, memory } } : state));
}

/** Stops a load that is under way. */
export function stopLoading(): void {
  loading?.controller.abort();
}

/** Ends the worker: what it held is given back, the next call loads anew. */
export function endWorker(): void {
  muse?.terminate();
  worker?.terminate();
  worker = undefined;
  muse = undefined;
}

/** Another model or device, loaded at once. */
export async function switchTo(choice: ModelChoice, device: DeviceChoice): Promise<RemoteMuse | undefined> {
  stopLoading();
  await loading?.done;
  endWorker();
  update((state) => ({ ...state, choice, device, model: { status: 'absent' } }));
  return ensureMuse();
}

/** Sums the files of a download; they come one by one, and what is read again does not count twice. */
class DownloadProgress {
  readonly #files = new Map<string, { loaded: number; total: number }>();

  constructor(private readonly expectedBytes: number) {}

  add(file: string, loaded: number, total: number): void {
    const known = this.#files.get(file);
    this.#files.set(file, { loaded: Math.max(known?.loaded ?? 0, loaded), total });
  }

  state() {
    const files = [...this.#files.values()];
    const loadedBytes = files.reduce((sum, { loaded }) => sum + loaded, 0);
    const totalBytes = Math.max(
      this.expectedBytes,
      files.reduce((sum, { total }) => sum + total, 0),
    );
    return { status: 'loading', loadedBytes, totalBytes } as const;
  }
}
