import { describe, expect, it } from 'vitest';
import { maskRatio, maskSchedules, numMaskedAfter } from './maskSchedule.js';

describe('maskRatio', () => {
  it.each(maskSchedules)('%s falls from exactly 1 to exactly 0', (schedule) => {
    expect(maskRatio(schedule, 0)).toBe(1);
    expect(maskRatio(schedule, 1)).toBe(0);
    const values = Array.from({ length: 101 }, (_, i) => maskRatio(schedule, i / 100));
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeLessThan(values[i - 1]!);
  });

  it('is the formula of MaskGIT at a quarter of the way', () => {
    expect(maskRatio('cosine', 0.25)).toBeCloseTo(0.9238795325112867, 15); // cos 22.5°
    expect(maskRatio('linear', 0.25)).toBe(0.75);
    expect(maskRatio('square', 0.25)).toBe(0.9375);
    expect(maskRatio('cubic', 0.25)).toBe(0.984375);
    expect(maskRatio('root', 0.25)).toBe(0.5);
    expect(maskRatio('arccos', 0.5)).toBeCloseTo(2 / 3, 15); // arccos ½ = 60°
  });
});

describe('numMaskedAfter', () => {
  it('is not off by one where n·γ is an integer that rounding misses', () => {
    expect(10 * (1 - 9 / 10)).toBeLessThan(1);
    expect(numMaskedAfter('linear', 10, 9, 10)).toBe(1);
    expect(numMaskedAfter('cosine', 256, 16, 24)).toBe(128); // cos 60° = ½
    expect(numMaskedAfter('root', 49, 25, 49)).toBe(14); // 49·(1 − 5/7)
    expect(numMaskedAfter('arccos', 3, 12, 24)).toBe(2); // 3·⅔
  });

  it.each([
    ['linear', 1n],
    ['square', 2n],
    ['cubic', 3n],
  ] as const)('%s equals the floor in exact integers', (schedule, power) => {
    for (const numSteps of [1, 2, 3, 7, 10, 24, 50, 97]) {
      for (const numMasked of [0, 1, 2, 13, 64, 100, 256, 4096]) {
        for (let step = 1; step <= numSteps; step++) {
          const whole = BigInt(numSteps) ** power;
          const exact = (BigInt(numMasked) * (whole - BigInt(step) ** power)) / whole;
          expect(numMaskedAfter(schedule, numMasked, step, numSteps)).toBe(Number(exact));
        }
      }
    }
  });

  it('always decides something at the first step and everything at the last', () => {
    for (const schedule of maskSchedules) {
      for (const numSteps of [1, 2, 24, 1000]) {
        for (const numMasked of [1, 17, 4096]) {
          expect(numMaskedAfter(schedule, numMasked, 1, numSteps)).toBeLessThan(numMasked);
          expect(numMaskedAfter(schedule, numMasked, numSteps, numSteps)).toBe(0);
        }
      }
    }
  });
});
