import type { ErrorPlace } from '@muse/backend';
import { askNetwork } from './askNetwork.js';
import type { ResolvedDecodeOptions } from './decodeOptions.js';
import { isSampledByNetwork, sampleByNetwork } from './sampleByNetwork.js';
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
 * Samples tokens for positions of a batch from the network's logits, or has the network do so.
 *
 * @throws ShapeError, MuseError, AbortError as `decode`
 */
export async function sampleStep(call: SampledStep, place: ErrorPlace): Promise<void> {
  const { options, state, tokenIds, positions, step, guidanceScale, use } = call;
  const { settings, seeds, stage } = options;
  if (isSampledByNetwork(options)) return sampleByNetwork(call, place);
  const request = { step, numSteps: settings.numSteps, needsUnconditional: guidanceScale !== 0 };
  const logits = await askNetwork(options, tokenIds, request, place);
  positions.forEach((chosen, image) => {
    const stream = streamOf(use, seeds[image]!, stage, step);
    sampleCandidates({ options, state, logits, guidanceScale, image, stream }, chosen, place);
  });
}
