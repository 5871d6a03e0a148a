import { gumbel, MuseError, uniform } from '@muse/backend';
import { expect, it } from 'vitest';
import { byHost, logitsOf, never, S, V } from '../test/seededNetwork.js';
import { type DecideRequest, type DecodeOptions, decode, decodeTokens, remask, type TokenDecoder } from './index.js';
import { guideLogits, sampleToken } from './sampleToken.js';

/** A network that samples and decides by itself: the samples are the sampler's, the choice is made by counting. */
class HostDecoder implements TokenDecoder {
  readonly requests: DecideRequest[] = [];
  numReads = 0;
  isDisposed = false;
  readonly #candidates: Int32Array;
  readonly #logProbability: Float32Array;

  constructor(
    readonly tokenIds: Int32Array,
    readonly baseScores: Float32Array,
  ) {
    this.#candidates = tokenIds.slice();
    this.#logProbability = Float32Array.from(tokenIds, (id) => (id === V ? -1e30 : 0));
  }

  async step(request: DecideRequest): Promise<void> {
    this.requests.push(request);
    const { tokenIds } = this;
    const [conditional, unconditional] = [logitsOf(tokenIds, 1), logitsOf(tokenIds, 2)];
    const [guided, scratch] = [new Float64Array(V), new Float64Array(V)];
    const { guidanceScale, sampleTemperature, confidenceWeight, noiseTemperature } = request;
    const draws = request.drawStreams.flatMap((stream) => [...uniform(stream, S)]);
    const noise = request.noiseStreams.flatMap((stream) =>
      [...gumbel(stream, S)].map((value, s) => Math.fround(this.baseScores[s]! + noiseTemperature * value)),
    );
    const masked = [...tokenIds.keys()].filter((at) => tokenIds[at] === V);
    for (const at of masked) {
      guideLogits({ conditional, unconditional, offset: at * V, guidanceScale }, guided);
      const sampled = sampleToken(guided, { sampleTemperature }, draws[at]!, scratch)!;
      this.#candidates[at] = sampled.tokenId;
      this.#logProbability[at] = sampled.logProbability;
    }
    const score = (at: number) => Math.fround(this.#logProbability[at]! * confidenceWeight + noise[at]!);
    const decided = masked.filter((at) => {
      const image = Math.floor(at / S);
      const rivals = masked.filter((other) => Math.floor(other / S) === image);
      expect(rivals).toHaveLength(request.numMasked[image]!);
      const better = rivals.filter((other) => score(other) > score(at) || (score(other) === score(at) && other < at));
      return better.length < request.numDecided[image]!;
    });
    for (const at of decided) tokenIds[at] = this.#candidates[at]!;
  }

  async read() {
    this.numReads++;
    const { tokenIds } = this;
    return {
      tokenIds: tokenIds.slice(),
      candidates: this.#candidates.slice(),
      logProbability: this.#logProbability.slice(),
    };
  }

  dispose(): void {
    this.isDisposed = true;
  }
}

/** The same by a network that decides by itself, which is noted. */
function byNetwork(): DecodeOptions & { decoders: HostDecoder[] } {
  const decoders: HostDecoder[] = [];
  const startDecoder = (tokenIds: Int32Array, baseScores: Float32Array) => {
    decoders.push(new HostDecoder(tokenIds, baseScores));
    return decoders.at(-1)!;
  };
  return { ...byHost, tokensToLogits: never, startDecoder, decoders };
}

it.each([
  {},
  { order: 'halton', guidanceSchedule: 'interval' },
  { choiceTemperature: [0, 0], sampleTemperature: 0 },
  { startStep: 2, maskSchedule: 'linear', numSteps: 40 }, // steps that decide nothing among them
] as const)('gives the same steps whether the network decides or the sampler does: %j', async (settings) => {
  const collect = async (options: DecodeOptions) => {
    const steps = [];
    for await (const { confidence, ...step } of decode({ ...options, ...settings })) {
      steps.push({ ...step, confidence: [...confidence].map((value) => value.toFixed(5)) });
    }
    return steps;
  };
  const network = byNetwork();
  expect(await collect(network)).toEqual(await collect(byHost));
  expect(network.decoders[0]!.isDisposed).toBe(true);
});

it('reads nothing before the end if nobody looks at the steps', async () => {
  const network = byNetwork();
  expect(await decodeTokens(network)).toEqual(await decodeTokens(byHost));
  const [decoder] = network.decoders;
  expect([decoder!.requests.length, decoder!.numReads, decoder!.isDisposed]).toEqual([6, 1, true]);
});

it('leaves top-k, top-p and remasking to the sampler, and asks nobody where all is known', async () => {
  const network = { ...byNetwork(), tokensToLogits: byHost.tokensToLogits };
  await decodeTokens({ ...network, topK: 3 });
  await decodeTokens({ ...network, topP: 0.5 });
  const known = { ...network, tokenIds: new Int32Array(2 * S).fill(2), numSteps: 2 };
  expect(await decodeTokens(known)).toEqual(known.tokenIds);
  for await (const { step } of remask({ ...known, topK: undefined })) expect(step).toBeLessThan(3);
  expect(network.decoders).toEqual([]);
});

it('says where logits were no numbers', async () => {
  const network = byNetwork();
  const decoder = new HostDecoder(byHost.tokenIds.slice(), new Float32Array(S));
  const read = async () => {
    const state = await HostDecoder.prototype.read.call(decoder);
    return { ...state, candidates: state.candidates.fill(-1, S + 3, S + 4) };
  };
  const run = decodeTokens({ ...network, startDecoder: () => Object.assign(decoder, { read }) });
  await expect(run).rejects.toThrow(MuseError);
  await expect(run).rejects.toThrow('got NaN or infinity up to step 6, image 1, position 3');
  expect(decoder.isDisposed).toBe(true);
});
