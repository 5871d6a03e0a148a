import { type ErrorPlace, MuseError, type RandomStream, uniform } from '@muse/backend';
import type { Logits, ResolvedDecodeOptions } from './decodeOptions.js';
import { guideLogits, sampleToken } from './sampleToken.js';

/** What was last sampled for each position of a batch. */
export interface Candidates {
  /** i32 [B·S]. */
  readonly candidates: Int32Array;
  /** Probability at temperature 1, f32 [B·S]. */
  readonly confidence: Float32Array;
  /** Its logarithm, f64 [B·S]. */
  readonly logProbability: Float64Array;
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
    const at = image * seqLen + position;
    guideLogits({ ...logits, offset: at * codebookSize, guidanceScale }, guided);
    const sampled = sampleToken(guided, settings, draws[position]!, scratch);
    if (!sampled) {
      const where = `step ${stream.step}, image ${image}, position ${position}`;
      throw new MuseError(place, `expected finite logits, got NaN or infinity at ${where}`);
    }
    state.candidates[at] = sampled.tokenId;
    state.logProbability[at] = sampled.logProbability;
    state.confidence[at] = Math.exp(sampled.logProbability);
  }
}
