import { gumbel } from '@muse/backend';
import type { ResolvedDecodeOptions } from './decodeOptions.js';
import { haltonOrder } from './haltonOrder.js';
import { choiceTemperatureAt, type SamplingSettings } from './settings.js';
import { streamOf } from './streams.js';

/** The factor on log-probabilities in a position's score: with `halton` they are of no account. */
export function confidenceWeight({ order }: Pick<SamplingSettings, 'order'>): 0 | 1 {
  return order === 'confidence' ? 1 : 0;
}

/**
 * What is added to the weighted log-probabilities of an image's positions to make their scores: Gumbel noise at the choice
 * temperature, or the Halton sequence backwards. The highest scores are decided, of equal ones the first. At f32, so that the
 * order is the same where a device makes it.
 */
export function choiceNoise(options: ResolvedDecodeOptions): (image: number, step: number) => Float32Array {
  const { settings, seeds, grid, stage } = options;
  const seqLen = grid[0] * grid[1];
  if (settings.order === 'halton') {
    const noise = new Float32Array(seqLen);
    haltonOrder(grid).forEach((position, index) => {
      noise[position] = -index;
    });
    return () => noise;
  }
  return (image, step) => {
    const temperature = choiceTemperatureAt(settings, step);
    if (temperature === 0) return new Float32Array(seqLen);
    const noise = gumbel(streamOf('choice', seeds[image]!, stage, step), seqLen);
    return Float32Array.from(noise, (value) => temperature * value);
  };
}
