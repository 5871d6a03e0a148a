import { randomUint32 } from '@muse/backend';

/** Random streams of the trainer (`RandomStream.stage`): each use has its own, apart from those of the sampler. */
export const stages = {
  sceneSeeds: 0x7a01,
  captionSeeds: 0x7a02,
  parameterSeeds: 0x7a03,
  epochOrder: 0x7a05,
} as const;

/** Seeds in [0, 2^53) for the items of a step, each a function of (seed, stage, step, position). */
export function itemSeeds(seed: number, stage: number, step: number, length: number, offset = 0): number[] {
  const words = randomUint32({ seed, stage, step }, 2 * length, 2 * offset);
  return Array.from({ length }, (_, i) => (words[2 * i]! & 0x1fffff) * 2 ** 32 + words[2 * i + 1]!);
}
