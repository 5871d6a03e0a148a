import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { learningRateAt } from './schedule.js';

describe('learningRateAt', () => {
  const schedule = { peak: 8, warmupSteps: 4, decaySteps: 12, final: 2 };

  it('rises in a line to the peak at the end of the warm-up', () => {
    expect([1, 2, 3, 4].map((step) => learningRateAt(schedule, step))).toEqual([2, 4, 6, 8]);
  });

  it('falls along half a cosine to the final rate, and stays there', () => {
    expect(learningRateAt(schedule, 8)).toBeCloseTo(5, 12);
    expect(learningRateAt(schedule, 6)).toBeCloseTo(2 + 3 * (1 + Math.SQRT1_2), 12);
    expect(learningRateAt(schedule, 12)).toBeCloseTo(2, 12);
    expect(learningRateAt(schedule, 500)).toBeCloseTo(2, 12);
  });

  it('stays at the peak when it is constant', () => {
    expect(learningRateAt({ ...schedule, shape: 'constant' }, 11)).toBe(8);
  });

  it('starts at the peak without a warm-up', () => {
    expect(learningRateAt({ peak: 3, decaySteps: 1000 }, 1)).toBeCloseTo(3, 4);
  });

  it.each([{ peak: -1 }, { warmupSteps: Number.NaN }, { decaySteps: 0 }])('refuses %j', (change) => {
    expect(() => learningRateAt({ ...schedule, ...change }, 1)).toThrow(ConfigError);
  });
});
