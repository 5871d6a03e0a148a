import { Icon } from '../parts/Icon.tsx';
import { make } from '../session/make.ts';
import { notify, openImage, restoreRecipe } from '../state/changes.ts';
import type { Result } from '../state/result.ts';
import { useStore } from '../state/store.ts';
import { codeOf, commandOf } from './code.ts';
import { encodeLink } from './link.ts';
import { fileName, pngBlob, pngOf } from './record.ts';

/** What can be done with an image. */
export function TakeAway({ result }: { readonly result: Result }) {
  const choice = useStore((state) => state.choice);
  const hasSuperRes = useStore(({ model }) => model.status === 'ready' && model.facts.hasSuperRes);
  const isWorking = useStore(({ work }) => work !== undefined);
  const model = choice.id ?? './model';
  const context = { model, hasSuperRes };
  const copy = async (what: string, text: string | undefined, missing: string) => {
    if (text === undefined) return notify(missing);
    try {
      await navigator.clipboard.writeText(text);
      notify(`${what} copied.`);
    } catch {
      notify('The browser does not let this page copy. Allow the clipboard and press again.');
    }
  };
  const copyImage = async () => {
    try {
      // A promise: Safari allows the clipboard only while the click is handled.
      const blob = pngOf(result, model).then(pngBlob);
      await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
      notify('Image copied.');
    } catch {
      notify('The browser does not let this page copy images. Download it instead.');
    }
  };
  return (
    <div className="take-away" role="toolbar" aria-label="Take away">
      <button type="button" onClick={() => void download(result, model)}>
        <Icon name="download" /> Download
      </button>
      <button type="button" onClick={() => void copyImage()}>
        <Icon name="copy" /> Copy image
      </button>
      <button
        type="button"
        onClick={async () =>
          copy('Link', await linkOf(result, choice.id), 'This image is too large for a link. Download it.')
        }
      >
        <Icon name="link" /> Link
      </button>
      <button type="button" onClick={() => void copy('Code', codeOf(result.recipe, context), '')}>
        <Icon name="code" /> Code
      </button>
      <button type="button" onClick={() => void copy('Command', commandOf(result.recipe, context), '')}>
        <Icon name="terminal" /> Command
      </button>
      <button
        type="button"
        disabled={isWorking}
        onClick={() => {
          restoreRecipe(result);
          void make();
        }}
      >
        <Icon name="repeat" /> Repeat
      </button>
      <button type="button" disabled={isWorking} onClick={() => openImage(result.image)}>
        <Icon name="brush" /> Work on it
      </button>
    </div>
  );
}

async function linkOf({ recipe }: Result, model: string | undefined): Promise<string | undefined> {
  const link = await encodeLink({ recipe, model: model === '@muse/model-emoji' ? undefined : model });
  return link === undefined ? undefined : `${location.href.split('#')[0]}#${link}`;
}

async function download(result: Result, model: string): Promise<void> {
  const url = URL.createObjectURL(pngBlob(await pngOf(result, model)));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = fileName(result);
  anchor.click();
  // Some browsers read the file after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
