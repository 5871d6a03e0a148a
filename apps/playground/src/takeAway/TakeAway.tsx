import { Icon } from '../parts/Icon.tsx';
import { make } from '../session/make.ts';
import { notify, openImage, restoreRecipe } from '../state/changes.ts';
import type { Result } from '../state/result.ts';
import { useStore } from '../state/store.ts';
import { codeOf, commandOf, contextOf } from './code.ts';
import { linkOf } from './link.ts';
import { fileName, inputFiles, pngBlob, pngOf } from './record.ts';

/** What can be done with an image. */
export function TakeAway({ result }: { readonly result: Result }) {
  const isWorking = useStore(({ work }) => work !== undefined);
  const { recipe } = result;
  const hasInput = recipe.verb !== 'generate';
  return (
    <div className="take-away" role="toolbar" aria-label="Take away">
      <button type="button" onClick={async () => save(fileName(result), await pngOf(result))}>
        <Icon name="download" /> Download
      </button>
      {hasInput && (
        <button
          type="button"
          title="What code and command read: image.png, and mask.png"
          onClick={async () => {
            for (const { name, bytes } of await inputFiles(result)) save(name, bytes);
          }}
        >
          <Icon name="download" /> Its input
        </button>
      )}
      <button type="button" onClick={() => void copyImage(result)}>
        <Icon name="copy" /> Copy image
      </button>
      <button type="button" onClick={() => void copyLink(result)}>
        <Icon name="link" /> Link
      </button>
      <button type="button" onClick={() => void copy('Code', codeOf(recipe, contextOf(result)), hasInput)}>
        <Icon name="code" /> Code
      </button>
      <button type="button" onClick={() => void copy('Command', commandOf(recipe, contextOf(result)), hasInput)}>
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

async function copy(what: string, text: string, hasInput = false): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    notify(hasInput ? `${what} copied. It reads the files of “Its input”.` : `${what} copied.`);
  } catch {
    notify('The browser does not let this page copy. Allow the clipboard and press again.');
  }
}

async function copyLink(result: Result): Promise<void> {
  const link = await linkOf(result);
  if (link !== undefined) return copy('Link', `${location.href.split('#')[0]}${link}`);
  notify(
    result.choice.id === undefined
      ? 'A link can’t name a folder of this machine. Download the image, or copy its command.'
      : 'This image is too large for a link. Download it.',
  );
}

async function copyImage(result: Result): Promise<void> {
  try {
    // A promise: Safari allows the clipboard only while the click is handled.
    const blob = pngOf(result).then(pngBlob);
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
    notify('Image copied.');
  } catch {
    notify('The browser does not let this page copy images. Download it instead.');
  }
}

function save(name: string, bytes: Uint8Array): void {
  const url = URL.createObjectURL(pngBlob(bytes));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  // Some browsers read the file after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
