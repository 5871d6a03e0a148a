import { ConfigError } from '@muse/backend';
import type { SamplingSettings } from '@muse/sampler';
import { tinyIndex } from '@muse/tiny-model';
import { describe, expect, it } from 'vitest';
import { resolveOptions } from './options.js';
import type { GenerateOptions } from './pipelines/generate.js';

const resolve = ({ count, ...options }: Partial<GenerateOptions>) => {
  const place = { package: 'muse', in: 'generate' };
  const defaults = { sampling: tinyIndex.sampling as Partial<SamplingSettings> };
  return resolveOptions({ prompt: 'a cat', ...options }, { place, defaults, count });
};

describe('resolveOptions', () => {
  it("takes the model's sampling unless told otherwise", () => {
    expect(resolve({ numSteps: 3, order: undefined }).settings).toEqual({
      prompt: 'a cat',
      ...tinyIndex.sampling,
      guidanceInterval: [0.5, 1],
      numSteps: 3,
    });
  });

  it('numbers the seeds of a batch on', () => {
    expect(resolve({ seed: 41, count: 3 }).seeds).toEqual([41, 42, 43]);
  });

  it('draws a seed of 32 bits when none is given', () => {
    const seeds = Array.from({ length: 8 }, () => resolve({}).seeds[0]!);
    for (const seed of seeds) expect(Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32).toBe(true);
    expect(new Set(seeds).size).toBeGreaterThan(1);
  });

  it.each([
    [{ prompt: '' }, 'expected a prompt that says what to draw, got an empty one'],
    [{ prompt: ' \n\t' }, 'got an empty one'],
    [{ prompt: 7 }, 'expected a prompt that says what to draw, got 7'],
    [{ negativePrompt: '  ' }, 'expected a negativePrompt that says what to draw, got an empty one'],
    [{ numSteps: 0 }, 'expected numSteps to be an integer of at least 1, got 0'],
    [{ guidanceScale: Number.NaN }, 'expected guidanceScale to be a finite number of at least 0, got NaN'],
    [{ order: 'raster' }, 'order to be one of confidence, halton, got "raster"'],
    [{ count: 0 }, 'expected count to be an integer of at least 1, got 0'],
    [{ count: 1.5 }, 'got 1.5'],
    [{ seed: -1 }, 'to be integers in [0, 2^53), got -1'],
    [{ seed: 0.5 }, 'got 0.5'],
    [{ seed: Number.NaN }, 'got NaN'],
    [{ seed: Number.MAX_SAFE_INTEGER, count: 2 }, 'got 9007199254740991'],
  ])('refuses %o', (options, message) => {
    const call = () => resolve(options as Partial<GenerateOptions>);
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
    expect(call).toThrow('[muse] generate: ');
  });
});
