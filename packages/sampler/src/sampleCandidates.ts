import { type ErrorPlace, MuseError, type RandomStream, uniform } from '@muse/backend';
import type { Logits, ResolvedDecodeOptions } from './decodeOptions.js';
import { guideLogits, type SampledToken, sampleToken } from './sampleToken.js';

/** What was last sampled for each position of a batch. */
export interface Candidates {
  /** i32 [B·S]. */
  readonly candidates: Int32Array;
  /** Probability at temperature 1, f32 [B·S]. */
  readonly confidence: Float32Array;
  /** Its logarithm, f64 [B·S]. */
  readonly logProbability: Float64Array;
}

/** Where a sample belongs. */
export interface SamplePlace {
  readonly step: number | undefined;
  readonly image: number;
  readonly position: number;
}

/**
 * Keeps what was sampled.
 *
 * @param seqLen S
 * @throws MuseError for no sample: the logits made no distribution
 */
export function keepSample(
  state: Candidates,
  seqLen: number,
  { step, image, position }: SamplePlace,
  sampled: SampledToken | undefined,
  place: ErrorPlace,
): void {
  if (!sampled) {
    const where = `step ${step}, image ${image}, position ${position}`;
    throw new MuseError(place, `expected finite logits, got NaN or infinity at ${where}`);
  }
  const at = image * seqLen + position;
  state.candidates[at] = sampled.tokenId;
  state.logProbability[at] = sampled.logProbability;
  state.confidence[at] = Math.exp(sampled.logProbability);
}

/** One image at one step. */
export interface ImageStep {
  readonly options: ResolvedDecodeOptions;
  readonly state: Candidates;
  readonly logits: Logits;
  readonly guidanceScale: number;
  /** Index in the batch. */
  readonly image: number;
  /** One number per position. */
  readonly stream: RandomStream;
}

/** Samples a token for each of the positions of an image. @throws MuseError if logits are NaN or infinite */
export function sampleCandidates(
  { options, state, logits, guidanceScale, image, stream }: ImageStep,
  positions: readonly number[],
  place: ErrorPlace,
): void {
  const { settings, grid, codebookSize } = options;
  const seqLen = grid[0] * grid[1];
  const draws = uniform(stream, seqLen);
  const guided = new Float64Array(codebookSize);
  const scratch = new Float64Array(codebookSize);
  for (const position of positions) {
    guideLogits({ ...logits, offset: (image * seqLen + position) * codebookSize, guidanceScale }, guided);
    const sampled = sampleToken(guided, settings, draws[position]!, scratch);
    keepSample(state, seqLen, { step: stream.step, image, position }, sampled, place);
  }
}
