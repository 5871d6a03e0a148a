import { ConfigError, MuseError, randomUint32 } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { toyNetwork } from '../test/toyNetwork.js';
import { type DecodeStep, type RemaskOptions, remask } from './index.js';

const CODEBOOK_SIZE = 23;
const MASK = CODEBOOK_SIZE;

function someTokens(seed: number, length: number): Int32Array {
  return Int32Array.from(randomUint32({ seed, stage: 100 }, length), (id) => id % CODEBOOK_SIZE);
}

function toyOptions(overrides: Partial<RemaskOptions> = {}) {
  const grid = overrides.grid ?? ([5, 7] as const);
  const seeds = overrides.seeds ?? [11];
  const seqLen = grid[0] * grid[1];
  return {
    ...toyNetwork({ seqLen, codebookSize: CODEBOOK_SIZE }),
    tokenIds: someTokens(3, seqLen * seeds.length),
    seeds,
    grid,
    codebookSize: CODEBOOK_SIZE,
    maskTokenId: MASK,
    ...overrides,
  };
}

async function allSteps(options: RemaskOptions): Promise<DecodeStep[]> {
  const steps: DecodeStep[] = [];
  for await (const step of remask(options)) steps.push(step);
  return steps;
}

async function lastTokens(options: RemaskOptions): Promise<Int32Array> {
  return (await allSteps(options)).at(-1)!.tokenIds;
}

describe.each([
  { grid: [5, 7], remaskRatio: 0.08, numSteps: 13, seed: 1, count: 3 },
  { grid: [1, 1], remaskRatio: 0.08, numSteps: 3, seed: 2, count: 1 },
  { grid: [3, 11], remaskRatio: 0.5, numSteps: 5, seed: 3, count: 17 },
  { grid: [2, 3], remaskRatio: 1, numSteps: 4, seed: 4, count: 6 },
] as const)('remask of grid $grid at $remaskRatio', ({ grid, remaskRatio, numSteps, seed, count }) => {
  const seqLen = grid[0] * grid[1];
  const seeds = [seed, seed + 1];

  it('masks the share exactly, changes what it masked at most, and asks with it masked', async () => {
    const asked: Int32Array[] = [];
    const options = toyOptions({ grid, remaskRatio, numSteps, seeds });
    const inner = options.tokensToLogits;
    const steps = await allSteps({
      ...options,
      tokensToLogits: (ids, request) => {
        asked.push(ids);
        return inner(ids, request);
      },
    });
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: numSteps }, (_, i) => i + 1));
    let before = options.tokenIds;
    for (const [k, { tokenIds, decided, numMasked }] of steps.entries()) {
      expect(numMasked).toEqual([0, 0]);
      for (const b of [0, 1]) {
        expect(decided.subarray(b * seqLen, (b + 1) * seqLen).reduce((sum, one) => sum + one, 0)).toBe(count);
      }
      expect(asked[k]).toEqual(before.map((id, i) => (decided[i] === 1 ? MASK : id)));
      tokenIds.forEach((id, i) => {
        expect(id).not.toBe(MASK);
        if (decided[i] === 0) expect(id).toBe(before[i]);
      });
      before = tokenIds;
    }
  });

  it('gives an image the same tokens alone and in a batch', async () => {
    const options = toyOptions({ grid, remaskRatio, numSteps, seeds });
    const together = await lastTokens(options);
    for (const b of [0, 1]) {
      const tokenIds = options.tokenIds.slice(b * seqLen, (b + 1) * seqLen);
      const alone = await lastTokens({ ...options, seeds: [seeds[b]!], tokenIds });
      expect(alone).toEqual(together.slice(b * seqLen, (b + 1) * seqLen));
    }
  });
});

describe('remask', () => {
  it("has the paper's settings unless told otherwise", async () => {
    const options = toyOptions({ numSteps: undefined, guidanceScale: undefined });
    const steps = await allSteps(options);
    expect(steps).toHaveLength(100);
    expect(new Set(steps.map(({ guidanceScale }) => guidanceScale))).toEqual(new Set([4]));
    // 8% of 35 is 2.8.
    for (const { decided } of steps) expect(decided.filter(Boolean)).toHaveLength(3);
    expect(options.requests.every(({ needsUnconditional }) => needsUnconditional)).toBe(true);
  });

  it('draws among the three most likely tokens', async () => {
    const conditional = new Float32Array(35 * CODEBOOK_SIZE);
    // Code v has logit −v/100: all nearly as likely.
    conditional.forEach((_, i) => {
      conditional[i] = -(i % CODEBOOK_SIZE) / 100;
    });
    const tokensToLogits = async () => ({ conditional, unconditional: new Float32Array(conditional.length) });
    const steps = await allSteps({ ...toyOptions({ numSteps: 20 }), tokensToLogits });
    const sampled = steps.flatMap(({ decided, tokenIds }) => [...tokenIds].filter((_, i) => decided[i] === 1));
    expect(new Set(sampled)).toEqual(new Set([0, 1, 2]));
  });

  it('changes only what may change', async () => {
    const eligible = new Uint8Array(35).fill(1, 5, 12);
    const options = toyOptions({ eligible, numSteps: 40, remaskRatio: 0.3 });
    const tokenIds = await lastTokens(options);
    tokenIds.forEach((id, i) => {
      if (i < 5 || i >= 12) expect(id).toBe(options.tokenIds[i]);
    });
    expect(tokenIds).not.toEqual(options.tokenIds);
    expect(await allSteps({ ...options, eligible: new Uint8Array(35) })).toEqual([]);
  });

  it('repeats itself; another seed or stage gives other tokens', async () => {
    const first = await lastTokens(toyOptions({ numSteps: 9 }));
    expect(await lastTokens(toyOptions({ numSteps: 9 }))).toEqual(first);
    expect(await lastTokens(toyOptions({ numSteps: 9, seeds: [12] }))).not.toEqual(first);
    expect(await lastTokens(toyOptions({ numSteps: 9, stage: 2 }))).not.toEqual(first);
  });

  it('stops when it is aborted', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const run = async () => {
      for await (const { step } of remask(toyOptions({ signal: controller.signal }))) {
        seen.push(step);
        if (step === 2) controller.abort();
      }
    };
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([1, 2]);
  });

  it('says which iteration had logits that are no numbers', async () => {
    const conditional = new Float32Array(35 * CODEBOOK_SIZE).fill(Number.NaN);
    const run = allSteps({ ...toyOptions({ guidanceScale: 0 }), tokensToLogits: async () => ({ conditional }) });
    await expect(run).rejects.toThrow(MuseError);
    await expect(run).rejects.toThrow(
      '[sampler] remask: expected finite logits, got NaN or infinity at step 1, image 0',
    );
  });

  it.each([
    ['remaskRatio', 0, 'remaskRatio to be in (0, 1], got 0'],
    ['remaskRatio', 1.5, 'got 1.5'],
    ['eligible', new Uint8Array(34), 'eligible for 35 tokens, got 34'],
    ['tokenIds', new Int32Array(35).fill(MASK, 8), 'every token to be known, got one masked at position 8'],
    ['numSteps', 0, '[sampler] remask: expected numSteps to be an integer of at least 1, got 0'],
  ])('refuses %s %s at once', (name, value, message) => {
    const call = () => remask({ ...toyOptions(), [name]: value } as RemaskOptions);
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});
