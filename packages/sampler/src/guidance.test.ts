import { describe, expect, it } from 'vitest';
import { type GuidanceSchedule, guidanceFromDiffusers, guidanceScaleAt, guidanceSchedules } from './guidance.js';

const scales = (guidanceSchedule: GuidanceSchedule, numSteps: number, guidanceInterval: [number, number] = [0.5, 1]) =>
  Array.from({ length: numSteps }, (_, i) =>
    guidanceScaleAt({ guidanceScale: 8, guidanceSchedule, guidanceInterval }, i + 1, numSteps),
  );

describe('guidanceScaleAt', () => {
  it('constant stays', () => expect(scales('constant', 3)).toEqual([8, 8, 8]));

  it('linear rises from no guidance at the first step to all of it at the last', () => {
    expect(scales('linear', 5)).toEqual([0, 2, 4, 6, 8]);
  });

  it('cosine rises from 0 to t through half of it in the middle, flat at the ends', () => {
    const values = scales('cosine', 5);
    [0, 4 - 2 * Math.SQRT2, 4, 4 + 2 * Math.SQRT2, 8].forEach((x, i) => {
      expect(values[i]).toBeCloseTo(x, 12);
    });
    expect(values[0]).toBe(0);
  });

  it('interval guides between its ends, both included', () => {
    expect(scales('interval', 5, [0.25, 0.75])).toEqual([0, 8, 8, 8, 0]);
    expect(scales('interval', 5, [0.3, 0.7])).toEqual([0, 0, 8, 0, 0]);
  });

  it.each(guidanceSchedules)('%s guides a decode of one step in full', (schedule) => {
    expect(scales(schedule, 1)).toEqual([8]);
  });
});

describe('guidanceFromDiffusers', () => {
  it('is one less, so that both formulas agree, and nothing below 1', () => {
    // u + 3(c − u) = 3c − 2u = (1 + 2)c − 2u
    expect([0, 0.5, 1, 1.25, 3].map(guidanceFromDiffusers)).toEqual([0, 0, 0, 0.25, 2]);
  });
});
