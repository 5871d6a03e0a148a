import type { RgbaImage } from '@muse/muse';
import type { Result } from '../state/result.ts';
import { contextOf } from './code.ts';
import { maskPicture } from './maskPicture.ts';

/** A PNG with the settings inside, in the chunks that the command line writes and reads: `muse generate --from` repeats it. */
export async function pngOf(result: Result): Promise<Uint8Array> {
  const { encodePng } = await import('./png.ts');
  const { image, recipe, device, modelName } = result;
  const { model } = contextOf(result);
  const { prompt } = image.settings;
  const record = {
    formatVersion: 1,
    model,
    modelName,
    device,
    seed: image.seed,
    settings: image.settings,
    ...(recipe.verb !== 'generate' && { edit: { verb: recipe.verb, input: 'image.png' } }),
  };
  return encodePng(image, {
    ...(prompt !== '' && { Description: prompt }),
    Software: 'muse',
    muse: JSON.stringify(record),
  });
}

/** `a-smiling-cat-3d-style-7.png` */
export function fileName({ image, recipe }: Result): string {
  const slug = image.settings.prompt
    .toLowerCase()
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .replace(/^-|-$/g, '')
    .slice(0, 60);
  return `${slug || recipe.verb}-${image.seed}.png`;
}

/** What an edit worked on, by the names that its code and command read it by. */
export async function inputFiles({ recipe }: Result): Promise<{ name: string; bytes: Uint8Array }[]> {
  const { encodePng } = await import('./png.ts');
  const { verb, image, mask } = recipe;
  if (verb === 'generate' || !image) return [];
  const files = [{ name: 'image.png', bytes: encodePng(image) }];
  if (verb === 'inpaint' && mask) files.push({ name: 'mask.png', bytes: encodePng(maskPicture(mask)) });
  return files;
}

/** Bytes of an image as a file. */
export function pngBlob(bytes: Uint8Array): Blob {
  return new Blob([bytes as Uint8Array<ArrayBuffer>], { type: 'image/png' });
}

/** An image file of any kind that the browser reads, as pixels. */
export async function readImageFile(file: Blob): Promise<RgbaImage> {
  const bitmap = await createImageBitmap(file, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, data: new Uint8ClampedArray(data) };
}
