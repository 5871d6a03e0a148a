import { ConfigError, permutation } from '@muse/backend';
import { shown } from './settings.js';
import { streamOf } from './streams.js';

export interface RandomMaskOptions {
  /** Integer in [0, 2^53). */
  readonly seed: number;
  /** Share of the positions that may be masked which are, in [0, 1]; the number is rounded. */
  readonly share: number;
  /** Non-zero: the position may be masked, u8 [S]. */
  readonly eligible: Uint8Array;
}

/**
 * A random share of the positions of an image. The masks of one seed are nested: that of a smaller share is a subset of
 * that of a larger one; 0 masks none, 1 all.
 *
 * @returns u8 [S], 1: masked
 * @throws ConfigError for a share outside of [0, 1]
 */
export function randomMask({ seed, share, eligible }: RandomMaskOptions): Uint8Array {
  if (!(share >= 0 && share <= 1)) {
    const place = { package: 'sampler', in: 'randomMask' };
    throw new ConfigError(place, `expected a share in [0, 1], got ${shown(share)}`);
  }
  const positions = Array.from(eligible.keys()).filter((position) => eligible[position] !== 0);
  const order = permutation(streamOf('mask', seed, 0), positions.length);
  const mask = new Uint8Array(eligible.length);
  for (const index of order.subarray(0, Math.round(share * positions.length))) mask[positions[index]!] = 1;
  return mask;
}
