import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { choiceTemperatureAt, defaultSamplingSettings, resolveSamplingSettings } from './settings.js';

describe('resolveSamplingSettings', () => {
  it('fills in what is left out and what is undefined', () => {
    expect(resolveSamplingSettings()).toEqual(defaultSamplingSettings);
    expect(resolveSamplingSettings({ numSteps: undefined, topK: 3 })).toEqual({ ...defaultSamplingSettings, topK: 3 });
  });

  it('takes nothing but settings from a larger object', () => {
    const options = { numSteps: 7, prompt: 'a cat' };
    expect(resolveSamplingSettings(options)).toEqual({ ...defaultSamplingSettings, numSteps: 7 });
  });

  it.each([
    ['numSteps', 0, 'numSteps to be an integer of at least 1, got 0'],
    ['numSteps', 2.5, 'numSteps to be an integer of at least 1, got 2.5'],
    ['numSteps', '8', 'numSteps to be an integer of at least 1, got "8"'],
    ['maskSchedule', 'cosin', 'one of cosine, linear, square, cubic, root, arccos, got "cosin"'],
    ['order', 'raster', 'order to be one of confidence, halton, got "raster"'],
    ['guidanceSchedule', 'up', 'guidanceSchedule to be one of constant, linear, cosine, interval, got "up"'],
    ['guidanceScale', Number.NaN, 'guidanceScale to be a finite number of at least 0, got NaN'],
    ['guidanceScale', -1, 'guidanceScale to be a finite number of at least 0, got -1'],
    ['guidanceScale', Number.POSITIVE_INFINITY, 'got Infinity'],
    ['guidanceInterval', [0.7, 0.2], 'guidanceInterval to be [start, end] with 0 ≤ start ≤ end ≤ 1, got [0.7, 0.2]'],
    ['guidanceInterval', [0, 1.5], 'got [0, 1.5]'],
    ['sampleTemperature', -0.1, 'sampleTemperature to be a finite number of at least 0, got -0.1'],
    ['choiceTemperature', 4.5, 'choiceTemperature to be [start, end], both finite and at least 0, got 4.5'],
    ['choiceTemperature', [4.5], 'got [4.5]'],
    ['choiceTemperature', [4.5, Number.NaN], 'got [4.5, NaN]'],
    ['topK', 0, 'topK to be an integer of at least 1, got 0'],
    ['topP', 0, 'topP to be in (0, 1], got 0'],
    ['topP', 1.01, 'topP to be in (0, 1], got 1.01'],
  ])('refuses %s %s and says what it wants', (name, value, message) => {
    const resolve = () => resolveSamplingSettings({ [name]: value });
    expect(resolve).toThrow(ConfigError);
    expect(resolve).toThrow(message);
    expect(resolve).toThrow('[sampler] decode: expected ');
  });

  it('names the place that it is told', () => {
    const resolve = () => resolveSamplingSettings({ numSteps: -3 }, { package: 'muse', in: 'generate' });
    expect(resolve).toThrow('[muse] generate: expected numSteps');
  });
});

describe('choiceTemperatureAt', () => {
  const at = (numSteps: number, step: number) =>
    choiceTemperatureAt({ ...defaultSamplingSettings, numSteps, choiceTemperature: [6, 2] }, step);

  it('goes on a line from start to end', () => expect([1, 2, 3, 4, 5].map((k) => at(5, k))).toEqual([6, 5, 4, 3, 2]));
  it('is the start of a single step', () => expect(at(1, 1)).toBe(6));
});
