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
 * What the scores of positions begin with, f32 [S]: nothing, or with `halton` the place in its sequence backwards. The highest scores are
 * decided, of equal ones the first. At f32, so that the order is the same where a device makes it.
 */
export function baseScores({ settings, grid }: Pick<ResolvedDecodeOptions, 'settings' | 'grid'>): Float32Array {
  const scores = new Float32Array(grid[0] * grid[1]);
  if (settings.order === 'halton') {
    haltonOrder(grid).forEach((position, index) => {
      scores[position] = -index;
    });
  }
  return scores;
}

/** Of the Gumbel noise that is added to them. */
export function noiseTemperatureAt(settings: SamplingSettings, step: number): number {
  return settings.order === 'halton' ? 0 : choiceTemperatureAt(settings, step);
}

/** What is added to the weighted log-probabilities of an image's positions to make their scores, f32 [S]. */
export function choiceNoise(options: ResolvedDecodeOptions): (image: number, step: number) => Float32Array {
  const { settings, seeds, stage } = options;
  const base = baseScores(options);
  return (image, step) => {
    const temperature = noiseTemperatureAt(settings, step);
    if (temperature === 0) return base;
    const noise = gumbel(streamOf('choice', seeds[image]!, stage, step), base.length);
    return base.map((score, position) => score + temperature * noise[position]!);
  };
}
