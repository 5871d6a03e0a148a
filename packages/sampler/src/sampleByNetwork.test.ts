import { expect, it } from 'vitest';
import { logitsOf, never, S, byHost as seeded, V } from '../test/seededNetwork.js';
import { type DecodeOptions, decode, decodeTokens, remask, type SampledTokens, type SampleRequest } from './index.js';
import { guideLogits, sampleToken } from './sampleToken.js';

const byHost: DecodeOptions = { ...seeded, seeds: [11, 12], guidanceScale: 2, sampleTemperature: 0.7 };

async function sampleTokens(ids: Int32Array, request: SampleRequest): Promise<SampledTokens[]> {
  const [conditional, unconditional] = [logitsOf(ids, 1), logitsOf(ids, 2)];
  const { positions, draws, guidanceScale, sampleTemperature } = request;
  const [guided, scratch] = [new Float64Array(V), new Float64Array(V)];
  return positions.map((chosen, image) => {
    const tokens = chosen.map((position, index) => {
      const offset = (image * S + position) * V;
      const given = request.needsUnconditional ? { conditional, unconditional } : { conditional };
      guideLogits({ ...given, offset, guidanceScale }, guided);
      return sampleToken(guided, { sampleTemperature }, draws[image]![index]!, scratch)!;
    });
    return {
      tokenIds: Int32Array.from(tokens, ({ tokenId }) => tokenId),
      logProbability: Float32Array.from(tokens, ({ logProbability }) => logProbability),
    };
  });
}

async function stepsOf(steps: AsyncGenerator<{ tokenIds: Int32Array; candidates: Int32Array; decided: Uint8Array }>) {
  const all = [];
  for await (const { tokenIds, candidates, decided } of steps) all.push({ tokenIds, candidates, decided });
  return all;
}

it('has the tokens of the host in every step, and is not asked for logits', async () => {
  for (const options of [
    {},
    { order: 'halton' },
    { guidanceSchedule: 'constant' },
    { sampleTemperature: 0 },
  ] as const) {
    const steps = await stepsOf(decode({ ...byHost, ...options, sampleTokens, tokensToLogits: never }));
    expect(steps).toEqual(await stepsOf(decode({ ...byHost, ...options })));
    expect(steps).toHaveLength(6);
  }
});

it('leaves top-k and top-p to the host, as mask-free edits', async () => {
  for (const limit of [{ topK: 3 }, { topP: 0.5 }]) {
    const tokens = await decodeTokens({ ...byHost, ...limit, sampleTokens: never });
    expect(tokens).toEqual(await decodeTokens({ ...byHost, ...limit }));
  }
  // Edits have a top-k of 3.
  const known = { ...byHost, tokenIds: new Int32Array(2 * S).fill(3) };
  expect(await stepsOf(remask({ ...known, sampleTokens: never }))).toEqual(await stepsOf(remask(known)));
});

it('refuses what is no sample of each position', async () => {
  const answer = (change: (sampled: SampledTokens[]) => unknown) =>
    decodeTokens({
      ...byHost,
      sampleTokens: async (ids, request) => {
        const sampled = await sampleTokens(ids, request);
        change(sampled);
        return sampled;
      },
    });
  await expect(answer((sampled) => sampled.pop())).rejects.toThrow(
    'expected sampleTokens to give tokens and logarithms for 13 positions of image 1, got none and none',
  );
  await expect(answer(([first]) => first!.logProbability.fill(Number.NaN, 4))).rejects.toThrow(
    'expected finite logits, got NaN or infinity at step 1, image 0, position 5',
  );
  await expect(answer(([first]) => first!.tokenIds.fill(V, 0, 1))).rejects.toThrow(
    'expected a token in [0, 13), got 13 at step 1, image 0, position 0',
  );
});

it('stops before and after the network', async () => {
  const controller = new AbortController();
  let numCalls = 0;
  const decoding = decodeTokens({
    ...byHost,
    signal: controller.signal,
    sampleTokens: async (ids, request) => {
      numCalls++;
      controller.abort();
      return sampleTokens(ids, request);
    },
  });
  await expect(decoding).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }));
  expect(numCalls).toBe(1);
});
