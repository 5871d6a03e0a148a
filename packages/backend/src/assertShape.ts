import type { Tensor } from '@tensorflow/tfjs';
import { type ErrorPlace, ShapeError } from './errors.js';

/** Expected sizes: a number must match, a string is a letter of the shape legend and matches any size (the same one each time). */
export type ShapePattern = readonly (number | string)[];

/**
 * Checks a tensor's shape at a public boundary.
 *
 * @param place package and function for the message
 * @param name argument name
 * @param pattern e.g. `['B', 'T', 768]`
 * @returns the sizes bound to the letters
 * @throws ShapeError `expected textEmbeds [B, T, 768], got [2, 77, 512]`
 */
export function assertShape(
  place: ErrorPlace,
  name: string,
  tensor: Pick<Tensor, 'shape'>,
  pattern: ShapePattern,
): Record<string, number> {
  const letters: Record<string, number> = {};
  const { shape } = tensor;
  let matches = shape.length === pattern.length;
  for (let axis = 0; matches && axis < pattern.length; axis++) {
    const expected = pattern[axis]!;
    const size = shape[axis]!;
    if (typeof expected === 'number') matches = expected === size;
    else if (expected in letters) matches = letters[expected] === size;
    else letters[expected] = size;
  }
  if (!matches) {
    throw new ShapeError(place, `expected ${name} [${pattern.join(', ')}], got [${shape.join(', ')}]`);
  }
  return letters;
}
