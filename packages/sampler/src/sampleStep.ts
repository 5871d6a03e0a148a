import { type ErrorPlace, MuseError, ShapeError, uniform } from '@muse/backend';
import { askNetwork } from './askNetwork.js';
import type { ResolvedDecodeOptions } from './decodeOptions.js';
import { type Candidates, sampleCandidates } from './sampleCandidates.js';
import { type StreamUse, streamOf } from './streams.js';

/** What one step samples. */
export interface SampledStep {
  readonly options: ResolvedDecodeOptions;
  readonly state: Candidates;
  /** i32 [B·S], as the network sees them. */
  readonly tokenIds: Int32Array;
  /** Positions to sample, per image. */
  readonly positions: readonly (readonly number[])[];
  readonly step: number;
  readonly guidanceScale: number;
  readonly use: StreamUse;
}

/**
 * Samples tokens for positions of a batch: by the network itself where it does that and knows the settings, else from its
 * logits. Both draw by the same random numbers.
 *
 * @throws ShapeError, MuseError, AbortError as `decode`
 */
export async function sampleStep(call: SampledStep, place: ErrorPlace): Promise<void> {
  const { options, state, tokenIds, positions, step, guidanceScale, use } = call;
  const { settings, seeds, stage } = options;
  const { topK, topP, numSteps } = settings;
  if (options.tokensToSamples && topK === undefined && topP === undefined) return sampleByNetwork(call, place);
  const request = { step, numSteps, needsUnconditional: guidanceScale !== 0 };
  const logits = await askNetwork(options, tokenIds, request, place);
  positions.forEach((chosen, image) => {
    const stream = streamOf(use, seeds[image]!, stage, step);
    sampleCandidates({ options, state, logits, guidanceScale, image, stream }, chosen, place);
  });
}

async function sampleByNetwork(call: SampledStep, place: ErrorPlace): Promise<void> {
  const { options, state, tokenIds, positions, step, guidanceScale, use } = call;
  const { settings, seeds, grid, stage, signal } = options;
  const seqLen = grid[0] * grid[1];
  const draws = new Float32Array(tokenIds.length).fill(-1);
  positions.forEach((chosen, image) => {
    const own = uniform(streamOf(use, seeds[image]!, stage, step), seqLen);
    for (const position of chosen) draws[image * seqLen + position] = own[position]!;
  });
  signal?.throwIfAborted();
  const { numSteps, sampleTemperature } = settings;
  const needsUnconditional = guidanceScale !== 0;
  const request = { step, numSteps, needsUnconditional, guidanceScale, sampleTemperature, draws };
  const sampled = await options.tokensToSamples!(tokenIds.slice(), request);
  signal?.throwIfAborted();
  for (const [name, { length }] of Object.entries(sampled)) {
    if (length === tokenIds.length) continue;
    throw new ShapeError(place, `expected tokensToSamples to give ${tokenIds.length} ${name}, got ${length}`);
  }
  positions.forEach((chosen, image) => {
    for (const position of chosen) {
      const at = image * seqLen + position;
      if (!(sampled.candidates[at]! >= 0)) {
        const where = `step ${step}, image ${image}, position ${position}`;
        throw new MuseError(place, `expected finite logits, got NaN or infinity at ${where}`);
      }
      state.candidates[at] = sampled.candidates[at]!;
      state.logProbability[at] = sampled.logProbability[at]!;
      state.confidence[at] = Math.exp(sampled.logProbability[at]!);
    }
  });
}
