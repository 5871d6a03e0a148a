import { normal } from '@muse/backend';
import type { DecodeOptions } from '../src/index.js';

export const V = 13;
export const S = 15;

/** Logits of two images, which depend on the tokens seen. */
export function logitsOf(tokenIds: Int32Array, stage: number): Float32Array {
  const seed = tokenIds.reduce((sum, id, at) => (sum * 31 + id + at) % 1_000_003, 7);
  return Float32Array.from(normal({ seed, stage }, 2 * S * V));
}

/** A decode of a network that gives logits. */
export const byHost: DecodeOptions = {
  tokensToLogits: async (ids) => ({ conditional: logitsOf(ids, 1), unconditional: logitsOf(ids, 2) }),
  tokenIds: Int32Array.from({ length: 2 * S }, (_, at) => (at % 11 === 4 ? 2 : V)), // two and one are known
  seeds: [3, 5],
  grid: [3, 5],
  codebookSize: V,
  maskTokenId: V,
  numSteps: 6,
  guidanceScale: 1.5,
};

export async function never(): Promise<never> {
  throw new Error('not to be asked');
}
