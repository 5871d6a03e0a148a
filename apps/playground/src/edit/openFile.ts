import { openImage } from '../state/changes.ts';
import { update } from '../state/store.ts';
import { readImageFile } from '../takeAway/record.ts';

/** Pixels a side that are worked on at most: beyond, a canvas takes hundreds of megabytes. */
const MAX_SIDE = 4096;

/** Opens an image file for editing; says what to do when it is none. */
export async function openFile(file: Blob | null | undefined): Promise<void> {
  if (!file) return;
  const fail = (title: string, advice: string) =>
    update((state) => ({ ...state, problem: { title, advice }, announcement: `${title} ${advice}` }));
  try {
    const image = await readImageFile(file);
    if (Math.max(image.width, image.height) > MAX_SIDE) {
      fail('This image is too large.', `Open one of at most ${MAX_SIDE} pixels a side.`);
    } else openImage(image);
  } catch {
    fail('This file is no image that can be read.', 'Open a PNG, JPEG, WebP, GIF or AVIF file.');
  }
}

/** Images that are dropped or pasted anywhere on the page. @returns the way to stop */
export function listenForImages(target: Window): () => void {
  const imageOf = (items: DataTransfer | null) =>
    [...(items?.files ?? [])].find(({ type }) => type.startsWith('image/')) ?? items?.files[0];
  const onDragOver = (event: DragEvent) => {
    if (event.dataTransfer?.types.includes('Files')) event.preventDefault();
  };
  const onDrop = (event: DragEvent) => {
    if (!event.dataTransfer?.files.length) return;
    event.preventDefault();
    void openFile(imageOf(event.dataTransfer));
  };
  const onPaste = (event: ClipboardEvent) => {
    if (!event.clipboardData?.files.length) return;
    event.preventDefault();
    void openFile(imageOf(event.clipboardData));
  };
  target.addEventListener('dragover', onDragOver);
  target.addEventListener('drop', onDrop);
  target.addEventListener('paste', onPaste);
  return () => {
    target.removeEventListener('dragover', onDragOver);
    target.removeEventListener('drop', onDrop);
    target.removeEventListener('paste', onPaste);
  };
}
