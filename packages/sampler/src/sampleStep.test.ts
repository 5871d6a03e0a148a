import { MuseError, normal, ShapeError } from '@muse/backend';
import { expect, it } from 'vitest';
import { type DecodeOptions, decodeTokens, remask, type SampledTokens, type SampleRequest } from './index.js';
import { guideLogits, sampleToken } from './sampleToken.js';

const V = 13;
const S = 15;

/** Logits that depend on the tokens seen. */
function logitsOf(tokenIds: Int32Array, stage: number): Float32Array {
  const seed = tokenIds.reduce((sum, id, at) => (sum * 31 + id + at) % 1_000_003, 7);
  return Float32Array.from(normal({ seed, stage }, 2 * S * V));
}

/** A network that samples by itself, with the sampler's own arithmetic. */
async function tokensToSamples(tokenIds: Int32Array, request: SampleRequest): Promise<SampledTokens> {
  const [conditional, unconditional] = [logitsOf(tokenIds, 1), logitsOf(tokenIds, 2)];
  const [candidates, logProbability] = [new Int32Array(2 * S), new Float32Array(2 * S)];
  const [guided, scratch] = [new Float64Array(V), new Float64Array(V)];
  for (const [at, draw] of request.draws.entries()) {
    if (draw < 0) continue;
    const { guidanceScale, sampleTemperature } = request;
    guideLogits({ conditional, unconditional, offset: at * V, guidanceScale }, guided);
    const sampled = sampleToken(guided, { sampleTemperature }, draw, scratch)!;
    candidates[at] = sampled.tokenId;
    logProbability[at] = sampled.logProbability;
  }
  return { candidates, logProbability };
}

const options: DecodeOptions = {
  tokensToLogits: async (ids) => ({ conditional: logitsOf(ids, 1), unconditional: logitsOf(ids, 2) }),
  tokenIds: new Int32Array(2 * S).fill(V),
  seeds: [3, 5],
  grid: [3, 5],
  codebookSize: V,
  maskTokenId: V,
  numSteps: 6,
  guidanceScale: 1.5,
};

const never = async () => {
  throw new Error('not to be asked');
};

it('gives the same tokens whether the network samples or the sampler does', async () => {
  const expected = await decodeTokens(options);
  expect([...(await decodeTokens({ ...options, tokensToLogits: never, tokensToSamples }))]).toEqual([...expected]);
});

it('and so when tokens of an image are sampled again', async () => {
  const known = { ...options, tokenIds: new Int32Array(2 * S).fill(2), topK: undefined };
  const end = async (how: Partial<DecodeOptions>) => {
    let last: readonly number[] = [];
    for await (const { tokenIds } of remask({ ...known, ...how, topK: V })) last = [...tokenIds];
    return last;
  };
  // Top-k of all codes is no choice, and is made by the sampler.
  expect(await end({})).toEqual(await end({ tokensToSamples: never }));
});

it('asks for the masked positions only, and for logits where top-k or top-p choose', async () => {
  const asked: number[] = [];
  const counting = async (ids: Int32Array, request: SampleRequest) => {
    asked.push(request.draws.filter((draw) => draw >= 0).length);
    return tokensToSamples(ids, request);
  };
  await decodeTokens({ ...options, tokensToSamples: counting, maskSchedule: 'linear' });
  expect(asked).toEqual([30, 24, 20, 14, 10, 4]); // 2·⌊15·(1 − k/6)⌋ before steps 1 … 6
  await decodeTokens({ ...options, tokensToSamples: never, topK: 3 });
  await decodeTokens({ ...options, tokensToSamples: never, topP: 0.5 });
});

it('says what is wrong with an answer', async () => {
  const answers = (change: (answer: SampledTokens) => SampledTokens) =>
    decodeTokens({ ...options, tokensToSamples: async (...call) => change(await tokensToSamples(...call)) });
  const short = answers((answer) => ({ ...answer, candidates: answer.candidates.subarray(1) }));
  await expect(short).rejects.toThrow(ShapeError);
  await expect(short).rejects.toThrow('expected tokensToSamples to give 30 candidates, got 29');
  const broken = answers(({ candidates, logProbability }) => ({
    candidates: candidates.fill(-1, 4, 5),
    logProbability,
  }));
  await expect(broken).rejects.toThrow(MuseError);
  await expect(broken).rejects.toThrow('got NaN or infinity at step 1, image 0, position 4');
});
