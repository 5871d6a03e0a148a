import { type Atlas, renderScene, type Scene } from '@muse/emoji-scenes';
import type { RgbaPicture } from '../suite/toPicture.js';

/** An opaque picture of 8 bits, whose data is `ImageData`'s kind of array. */
export interface OpaquePicture extends RgbaPicture {
  readonly data: Uint8ClampedArray;
}

/** A scene's render in 8 bits: what an editor of pictures gets. */
export function renderRgba(atlas: Atlas, scene: Scene, imageSize: number): OpaquePicture {
  const pixels = renderScene(atlas, scene, imageSize);
  const data = new Uint8ClampedArray(imageSize * imageSize * 4).fill(255);
  for (let i = 0; i < pixels.length; i++) data[i + Math.floor(i / 3)] = Math.floor(255 * pixels[i]! + 0.5);
  return { width: imageSize, height: imageSize, data };
}
