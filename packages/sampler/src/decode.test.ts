import { ConfigError, MuseError, randomUint32, ShapeError, uniform } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { toyNetwork } from '../test/toyNetwork.js';
import {
  type DecodeOptions,
  type DecodeStep,
  decode,
  decodeOrders,
  decodeTokens,
  guidanceSchedules,
  maskSchedules,
  numMaskedAfter,
} from './index.js';

const CODEBOOK_SIZE = 23;
const MASK = CODEBOOK_SIZE;

/** Token ids of which each is masked with probability `share`. */
function someMasked(seed: number, length: number, share: number): Int32Array {
  const ids = randomUint32({ seed, stage: 100 }, length);
  const u = uniform({ seed, stage: 101 }, length);
  return Int32Array.from(ids, (id, i) => (u[i]! < share ? MASK : id % CODEBOOK_SIZE));
}

/** Options of a toy decode; grid 5 × 7. */
function toyOptions(overrides: Partial<DecodeOptions> = {}): DecodeOptions & { requests: { step: number }[] } {
  const grid = overrides.grid ?? [5, 7];
  const seeds = overrides.seeds ?? [11];
  const seqLen = grid[0] * grid[1];
  return {
    ...toyNetwork({ seqLen, codebookSize: CODEBOOK_SIZE }),
    tokenIds: new Int32Array(seqLen * seeds.length).fill(MASK),
    seeds,
    grid,
    codebookSize: CODEBOOK_SIZE,
    maskTokenId: MASK,
    numSteps: 6,
    guidanceScale: 2,
    ...overrides,
  };
}

async function allSteps(options: DecodeOptions): Promise<DecodeStep[]> {
  const steps: DecodeStep[] = [];
  for await (const step of decode(options)) steps.push(step);
  return steps;
}

const cases = maskSchedules.flatMap((maskSchedule, i) =>
  decodeOrders.map((order, j) => ({
    maskSchedule,
    order,
    guidanceSchedule: guidanceSchedules[(i + j) % guidanceSchedules.length]!,
    grid: [
      [1, 1],
      [3, 5],
      [7, 2],
      [5, 11],
    ][(i * 2 + j) % 4] as [number, number],
    numSteps: [1, 2, 7, 19, 40][(i + 3 * j) % 5]!,
    share: [0.1, 0.5, 1][(i + j) % 3]!,
    seed: 17 * i + j,
  })),
);

describe.each(cases)('decode with $maskSchedule, $order, $guidanceSchedule, $grid, $numSteps steps', (one) => {
  const { grid, numSteps, share, seed, ...settings } = one;
  const seqLen = grid[0] * grid[1];
  const seeds = [seed, seed + 1, seed + 2];
  const tokenIds = someMasked(seed, seqLen * seeds.length, share);
  const options = () => toyOptions({ ...settings, grid, numSteps, seeds, tokenIds });
  const imageOf = (ids: Int32Array, b: number) => ids.slice(b * seqLen, (b + 1) * seqLen);
  const count = (ids: Int32Array) => ids.filter((id) => id === MASK).length;

  it('never changes a known token, masks exactly ⌊n₀·γ(k/N)⌋ after each step, leaves none', async () => {
    const before = tokenIds.slice();
    const steps = await allSteps(options());
    expect(tokenIds).toEqual(before);
    let known = tokenIds;
    for (const step of steps) {
      step.tokenIds.forEach((id, i) => {
        if (known[i] !== MASK) expect(id).toBe(known[i]);
        expect(step.decided[i]).toBe(known[i] === MASK && id !== MASK ? 1 : 0);
        expect(step.candidates[i]).toBe(id === MASK ? step.candidates[i] : id);
        expect(step.candidates[i]).not.toBe(MASK);
        expect(step.confidence[i]).toBeGreaterThan(0);
        expect(step.confidence[i]).toBeLessThanOrEqual(1);
      });
      seeds.forEach((_, b) => {
        const numLeft = count(imageOf(step.tokenIds, b));
        const numAtStart = count(imageOf(tokenIds, b));
        expect(numLeft).toBe(numMaskedAfter(settings.maskSchedule, numAtStart, step.step, numSteps));
        expect(step.numMasked[b]).toBe(numLeft);
      });
      known = step.tokenIds;
    }
    expect(count(known)).toBe(0);
    expect(steps.map((step) => step.step)).toEqual(steps.length === 0 ? [] : steps.map((_, i) => i + 1));
  });

  it('gives an image the same tokens at any place of any batch', async () => {
    const together = await decodeTokens(options());
    for (const [b, seedOfImage] of seeds.entries()) {
      const alone = { ...options(), seeds: [seedOfImage], tokenIds: imageOf(tokenIds, b) };
      expect(await decodeTokens(alone)).toEqual(imageOf(together, b));
    }
    const reversed = Int32Array.from([2, 1, 0].flatMap((b) => [...imageOf(tokenIds, b)]));
    const turned = await decodeTokens({ ...options(), seeds: seeds.toReversed(), tokenIds: reversed });
    expect(imageOf(turned, 0)).toEqual(imageOf(together, 2));
  });
});

describe('decode', () => {
  it('repeats itself, and another seed or stage gives other tokens', async () => {
    const first = await decodeTokens(toyOptions());
    expect(await decodeTokens(toyOptions())).toEqual(first);
    expect(await decodeTokens(toyOptions({ seeds: [12] }))).not.toEqual(first);
    expect(await decodeTokens(toyOptions({ stage: 1 }))).not.toEqual(first);
  });

  it('tells seeds apart beyond 32 bits', async () => {
    const first = await decodeTokens(toyOptions({ seeds: [5] }));
    expect(await decodeTokens(toyOptions({ seeds: [5 + 2 ** 32] }))).not.toEqual(first);
  });

  it('does nothing when nothing is masked', async () => {
    const options = toyOptions({ tokenIds: new Int32Array(35).fill(3) });
    expect(await allSteps(options)).toEqual([]);
    expect(await decodeTokens(options)).toEqual(options.tokenIds);
    expect(options.requests).toEqual([]);
  });

  it('does not ask the network in steps that decide nothing', async () => {
    const options = toyOptions({ grid: [1, 2], numSteps: 50, maskSchedule: 'linear' });
    const steps = await allSteps(options);
    expect(steps).toHaveLength(50);
    // ⌊2·(1 − k/50)⌋ falls to 1 at step 1 and to 0 at step 26.
    expect(options.requests.map(({ step }) => step)).toEqual([1, 26]);
  });

  it('begins after the steps that count as done, with the whole grid as what was masked', async () => {
    const tokenIds = someMasked(3, 35, 0.6);
    const steps = await allSteps(toyOptions({ tokenIds, maskSchedule: 'linear', startStep: 2 }));
    expect(steps.map(({ step }) => step)).toEqual([3, 4, 5, 6]);
    // ⌊35 · (1 − k/6)⌋
    expect(steps.map(({ numMasked }) => numMasked[0])).toEqual([17, 11, 5, 0]);
    const last = steps.at(-1)!.tokenIds;
    tokenIds.forEach((id, i) => {
      if (id !== MASK) expect(last[i]).toBe(id);
    });
  });

  it('decides nothing while fewer are masked than the schedule leaves', async () => {
    const tokenIds = new Int32Array(35).fill(1).fill(MASK, 0, 8);
    const steps = await allSteps(toyOptions({ tokenIds, maskSchedule: 'linear', startStep: 2 }));
    expect(steps.map(({ numMasked }) => numMasked[0])).toEqual([8, 8, 5, 0]);
    expect(() => decode(toyOptions({ startStep: 6 }))).toThrow('expected startStep to be an integer in [0, 5], got 6');
  });

  it('asks for the unconditional branch only where the guidance is not 0', async () => {
    const linear = toyOptions({ guidanceScale: 3, guidanceSchedule: 'linear', numSteps: 4 });
    await allSteps(linear);
    const needs = linear.requests.map((request) => (request as { needsUnconditional?: boolean }).needsUnconditional);
    expect(needs).toEqual([false, true, true, true]);
    const none = toyOptions({ guidanceScale: 0, guidanceSchedule: 'constant', numSteps: 4 });
    await allSteps(none);
    expect(none.requests.every((request) => !(request as { needsUnconditional?: boolean }).needsUnconditional)).toBe(
      true,
    );
  });

  it('decides the most confident tokens first, of equal ones the first positions', async () => {
    // Confidence by hand: token 1 is certain to e^0, e^2, e^2, e^1 against e^0 of token 0.
    const conditional = Float32Array.of(0, 0, 0, 2, 0, 2, 0, 1);
    const steps = await allSteps({
      tokensToLogits: async () => ({ conditional }),
      tokenIds: Int32Array.of(2, 2, 2, 2),
      seeds: [0],
      grid: [2, 2],
      codebookSize: 2,
      maskTokenId: 2,
      numSteps: 4,
      maskSchedule: 'linear',
      sampleTemperature: 0,
      choiceTemperature: [0, 0],
    });
    const decided = steps.map((step) => step.decided.indexOf(1));
    expect(decided).toEqual([1, 2, 3, 0]);
    expect([...steps[3]!.tokenIds]).toEqual([0, 1, 1, 1]);
    expect(steps[3]!.confidence[3]).toBeCloseTo(Math.E / (1 + Math.E), 6);
  });

  it('follows the Halton sequence with order halton, whatever the confidence', async () => {
    const options = toyOptions({ grid: [4, 3], order: 'halton', maskSchedule: 'linear', numSteps: 12 });
    const steps = await allSteps(options);
    // (1/2, 1/3) (1/4, 2/3) (3/4, 1/9) (1/8, 4/9) on 4 rows × 3 columns.
    expect(steps.slice(0, 4).map((step) => step.decided.indexOf(1))).toEqual([7, 5, 9, 1]);
  });

  it('lets the choice temperature decide the order, not the tokens of a greedy step', async () => {
    const greedy = { sampleTemperature: 0, numSteps: 3 } as const;
    const calm = await allSteps(toyOptions({ ...greedy, choiceTemperature: [0, 0] }));
    const wild = await allSteps(toyOptions({ ...greedy, choiceTemperature: [50, 50] }));
    expect(wild[0]!.decided).not.toEqual(calm[0]!.decided);
    expect(wild[0]!.candidates).toEqual(calm[0]!.candidates);
  });

  it('gives arrays that nobody else writes to, and the network a copy', async () => {
    const options = toyOptions({ numSteps: 3 });
    const inner = options.tokensToLogits;
    const meddling: DecodeOptions = {
      ...options,
      tokensToLogits: async (ids, request) => {
        const logits = await inner(ids.slice(), request);
        ids.fill(0);
        return logits;
      },
    };
    const clean = await allSteps(options);
    const steps: DecodeStep[] = [];
    for await (const step of decode(meddling)) {
      steps.push({ ...step, tokenIds: step.tokenIds.slice() });
      step.tokenIds.fill(1);
      step.candidates.fill(1);
    }
    expect(steps.map((step) => step.tokenIds)).toEqual(clean.map((step) => step.tokenIds));
  });

  it('stops before the network is asked, and after it answered, when aborted', async () => {
    const before = toyOptions({ signal: AbortSignal.abort() });
    await expect(decodeTokens(before)).rejects.toMatchObject({ name: 'AbortError' });
    expect(before.requests).toEqual([]);

    const controller = new AbortController();
    const options = toyOptions({ signal: controller.signal });
    const inner = options.tokensToLogits;
    const during: DecodeOptions = {
      ...options,
      tokensToLogits: async (ids, request) => {
        if (request.step === 2) controller.abort();
        return inner(ids, request);
      },
    };
    const seen: number[] = [];
    const run = async () => {
      for await (const { step } of decode(during)) seen.push(step);
    };
    await expect(run()).rejects.toMatchObject({ name: 'AbortError' });
    expect(seen).toEqual([1]);
    expect(options.requests).toHaveLength(2);
  });

  it('refuses logits that are NaN, and says where', async () => {
    const options = toyOptions();
    const inner = options.tokensToLogits;
    const broken = {
      ...options,
      tokensToLogits: async (ids: Int32Array, request: Parameters<typeof inner>[1]) => {
        const logits = await inner(ids, request);
        logits.conditional[4 * CODEBOOK_SIZE + 1] = Number.NaN;
        return logits;
      },
    };
    await expect(decodeTokens(broken)).rejects.toThrow(MuseError);
    await expect(decodeTokens(broken)).rejects.toThrow('got NaN or infinity at step 1, image 0, position 4');
  });

  it('refuses logits of another size, and missing unconditional ones', async () => {
    const short = { ...toyOptions(), tokensToLogits: async () => ({ conditional: new Float32Array(5) }) };
    await expect(decodeTokens(short)).rejects.toThrow(ShapeError);
    await expect(decodeTokens(short)).rejects.toThrow('805 conditional logits (B·S 35 × V 23), got 5');
    const half = {
      ...toyOptions({ guidanceSchedule: 'constant' }),
      tokensToLogits: async () => ({ conditional: new Float32Array(805) }),
    };
    await expect(decodeTokens(half)).rejects.toThrow('805 unconditional logits (B·S 35 × V 23), got none');
  });

  it.each([
    ['numSteps', 0, 'numSteps to be an integer of at least 1, got 0'],
    ['tokensToLogits', undefined, 'tokensToLogits to be a function, got "undefined"'],
    ['grid', [5], 'grid to be [h, w], integers of at least 1, got [5]'],
    ['grid', [0, 7], 'got [0, 7]'],
    ['codebookSize', 0, 'codebookSize to be an integer of at least 1, got 0'],
    ['maskTokenId', 5, "maskTokenId to be an integer outside of the codebook's [0, 23), got 5"],
    ['seeds', [], 'seeds to be one integer in [0, 2^53) per image, got []'],
    ['seeds', [-1], 'got [-1]'],
    ['seeds', [0.5], 'got [0.5]'],
    ['seeds', [2 ** 53], 'got [9007199254740992]'],
    ['stage', 65536, 'stage to be an integer in [0, 65535], got 65536'],
    ['tokenIds', new Int32Array(34), 'tokenIds to be an Int32Array of 1 × 35 ids (images × grid), got "34 ids"'],
    [
      'tokenIds',
      new Int32Array(35).fill(24),
      'every token id to be maskTokenId 23 or in [0, 23), got "24 at position 0"',
    ],
  ])('refuses %s %s at once', (name, value, message) => {
    const call = () => decode({ ...toyOptions(), [name]: value } as DecodeOptions);
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(message);
  });
});
