import type { RandomStream } from '@muse/backend';

/** What random numbers are for: the upper half of a stream's stage; the lower half sets decodes of an image apart. */
const uses = {
  /** Tokens of a decode, and the noise on their confidence. */
  token: 0x5a01,
  choice: 0x5a02,
  /** Positions of a remasking iteration, and their tokens. */
  remask: 0x5a03,
  remaskedToken: 0x5a04,
  /** Order of `randomMask`. */
  mask: 0x5a05,
} as const;

export type StreamUse = keyof typeof uses;

/** @param stage u16 */
export function streamOf(use: StreamUse, seed: number, stage: number, step = 0): RandomStream {
  return { seed, stage: ((uses[use] << 16) | stage) >>> 0, step };
}
