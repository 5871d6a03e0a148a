import { ConfigError } from '@muse/backend';
import type { Atlas } from './atlas.js';
import { SCENE_SIZE, type Scene } from './scene.js';
import { backgroundColours } from './vocabulary.js';

/**
 * Paints a scene: the background's colour, then each sprite over it.
 *
 * @param imageSize side in pixels, a multiple of 8; positions and sizes grow with it
 * @returns f32 [imageSize · imageSize · 3], row by row, RGB in [0, 1]
 * @throws ConfigError
 */
export function renderScene(atlas: Atlas, scene: Scene, imageSize = SCENE_SIZE): Float32Array {
  if (!Number.isInteger(imageSize) || imageSize <= 0 || imageSize % 8 !== 0) {
    throw new ConfigError(
      { package: 'emoji-scenes', in: 'renderScene' },
      `expected imageSize a multiple of 8, got ${imageSize}`,
    );
  }
  const scale = imageSize / SCENE_SIZE;
  const pixels = new Float32Array(imageSize * imageSize * 3);
  const colour = backgroundColours[scene.background];
  for (let i = 0; i < pixels.length; i++) pixels[i] = colour[i % 3]!;
  for (const { name, style, x, y, size } of scene.items) {
    const side = Math.round(size * scale);
    const sprite = atlas.sprite(name, style, side); // premultiplied RGBA
    const [left, top] = [Math.round(x * scale), Math.round(y * scale)];
    for (let row = 0; row < side; row++) {
      let from = row * side * 4;
      let to = ((top + row) * imageSize + left) * 3;
      for (let column = 0; column < side; column++, from += 4, to += 3) {
        const through = 1 - sprite[from + 3]!;
        pixels[to] = pixels[to]! * through + sprite[from]!;
        pixels[to + 1] = pixels[to + 1]! * through + sprite[from + 1]!;
        pixels[to + 2] = pixels[to + 2]! * through + sprite[from + 2]!;
      }
    }
  }
  return pixels;
}
