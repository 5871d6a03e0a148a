import { type ErrorPlace, MuseError } from '@muse/backend';
import { baseScores, confidenceWeight, noiseTemperatureAt } from './choice.js';
import type { DecodeStep } from './decode.js';
import type { ResolvedDecodeOptions, TokenDecoder, TokenState } from './decodeOptions.js';
import { guidanceScaleAt } from './guidance.js';
import { numMaskedAfter } from './maskSchedule.js';
import { drawsFromAll } from './settings.js';
import { streamOf } from './streams.js';

const place: ErrorPlace = { package: 'sampler', in: 'decode' };

/** Whether a network samples and decides by itself, and knows the settings. */
export function isDecodedByNetwork({ startDecoder, settings }: ResolvedDecodeOptions): boolean {
  return startDecoder !== undefined && drawsFromAll(settings);
}

/** `decode` by a network that samples and decides by itself; its tokens are read after each step. */
export async function* decodeOnDevice(options: ResolvedDecodeOptions): AsyncGenerator<DecodeStep, Int32Array, void> {
  let tokenIds: Int32Array = options.tokenIds.slice();
  options.signal?.throwIfAborted();
  if (!tokenIds.includes(options.maskTokenId)) return tokenIds;
  const decoder = options.startDecoder!(tokenIds.slice(), baseScores(options));
  try {
    for await (const { step, ...taken } of takeSteps(options, decoder)) {
      const before = tokenIds;
      const state = await readState(options, decoder, step);
      tokenIds = state.tokenIds;
      yield {
        step,
        numSteps: options.settings.numSteps,
        tokenIds: tokenIds.slice(),
        candidates: state.candidates,
        decided: Uint8Array.from(tokenIds, (id, at) => (id === before[at] ? 0 : 1)),
        confidence: state.logProbability.map(Math.exp),
        ...taken,
      };
    }
    return tokenIds;
  } finally {
    decoder.dispose();
  }
}

/** `decodeTokens` by a network that samples and decides by itself: nothing is read before the end. */
export async function decodeTokensOnDevice(options: ResolvedDecodeOptions): Promise<Int32Array> {
  const tokenIds = options.tokenIds.slice();
  options.signal?.throwIfAborted();
  if (!tokenIds.includes(options.maskTokenId)) return tokenIds;
  const decoder = options.startDecoder!(tokenIds, baseScores(options));
  try {
    let last = options.startStep;
    for await (const { step } of takeSteps(options, decoder)) last = step;
    return (await readState(options, decoder, last)).tokenIds;
  } finally {
    decoder.dispose();
  }
}

/** Hands in one step after another: the counts of a schedule are known before any token is. */
async function* takeSteps(
  options: ResolvedDecodeOptions,
  decoder: TokenDecoder,
): AsyncGenerator<Pick<DecodeStep, 'step' | 'guidanceScale' | 'numMasked'>, void, void> {
  const { settings, tokenIds, seeds, stage, maskTokenId, startStep, signal } = options;
  const { numSteps, maskSchedule, sampleTemperature } = settings;
  const seqLen = tokenIds.length / seeds.length;
  let numMasked = seeds.map(
    (_, b) => tokenIds.subarray(b * seqLen, (b + 1) * seqLen).filter((id) => id === maskTokenId).length,
  );
  const numAtStart = numMasked.map((count) => (startStep > 0 ? seqLen : count));
  for (let step = startStep + 1; step <= numSteps; step++) {
    const before = numMasked;
    numMasked = before.map((count, b) => Math.min(count, numMaskedAfter(maskSchedule, numAtStart[b]!, step, numSteps)));
    const numDecided = before.map((count, b) => count - numMasked[b]!);
    const guidanceScale = guidanceScaleAt(settings, step, numSteps);
    if (numDecided.some((count) => count > 0)) {
      signal?.throwIfAborted();
      await decoder.step({
        step,
        numSteps,
        needsUnconditional: guidanceScale !== 0,
        guidanceScale,
        sampleTemperature,
        drawStreams: seeds.map((seed) => streamOf('token', seed, stage, step)),
        noiseStreams: seeds.map((seed) => streamOf('choice', seed, stage, step)),
        noiseTemperature: noiseTemperatureAt(settings, step),
        confidenceWeight: confidenceWeight(settings),
        numMasked: before,
        numDecided,
      });
      signal?.throwIfAborted();
    }
    yield { step, guidanceScale, numMasked };
  }
}

/** @throws MuseError if a position had no distribution */
async function readState(
  { seeds, tokenIds }: ResolvedDecodeOptions,
  decoder: TokenDecoder,
  step: number,
): Promise<TokenState> {
  const state = await decoder.read();
  const broken = state.candidates.indexOf(-1);
  if (broken >= 0) {
    const seqLen = tokenIds.length / seeds.length;
    const where = `step ${step}, image ${Math.floor(broken / seqLen)}, position ${broken % seqLen}`;
    throw new MuseError(place, `expected finite logits, got NaN or infinity up to ${where}`);
  }
  return state;
}
