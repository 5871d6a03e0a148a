import { type ErrorPlace, MuseError, ShapeError, uniform } from '@muse/backend';
import type { ResolvedDecodeOptions } from './decodeOptions.js';
import { keepSample } from './sampleCandidates.js';
import type { SampledStep } from './sampleStep.js';
import { drawsFromAll } from './settings.js';
import { streamOf } from './streams.js';

/** Whether a network samples by itself, and knows the settings. */
export function isSampledByNetwork({ sampleTokens, settings }: ResolvedDecodeOptions): boolean {
  return sampleTokens !== undefined && drawsFromAll(settings);
}

/**
 * `sampleStep` by a network that samples by itself.
 *
 * @throws ShapeError, MuseError, AbortError as `decode`
 */
export async function sampleByNetwork(call: SampledStep, place: ErrorPlace): Promise<void> {
  const { options, state, tokenIds, positions, step, guidanceScale, use } = call;
  const { settings, seeds, stage, signal, codebookSize } = options;
  const seqLen = tokenIds.length / seeds.length;
  const draws = positions.map((chosen, image) => {
    const numbers = uniform(streamOf(use, seeds[image]!, stage, step), seqLen);
    return Float32Array.from(chosen, (position) => numbers[position]!);
  });
  signal?.throwIfAborted();
  const sampled = await options.sampleTokens!(tokenIds.slice(), {
    step,
    numSteps: settings.numSteps,
    needsUnconditional: guidanceScale !== 0,
    guidanceScale,
    sampleTemperature: settings.sampleTemperature,
    positions,
    draws,
  });
  signal?.throwIfAborted();
  positions.forEach((chosen, image) => {
    const { tokenIds: tokens, logProbability } = sampled[image] ?? {};
    if (tokens?.length !== chosen.length || logProbability?.length !== chosen.length) {
      const got = `${tokens?.length ?? 'none'} and ${logProbability?.length ?? 'none'}`;
      throw new ShapeError(
        place,
        `expected sampleTokens to give tokens and logarithms for ${chosen.length} positions of image ${image}, got ${got}`,
      );
    }
    for (const [index, position] of chosen.entries()) {
      const sampled = { tokenId: tokens[index]!, logProbability: logProbability[index]! };
      const isSample = Number.isFinite(sampled.logProbability);
      if (isSample && !(sampled.tokenId >= 0 && sampled.tokenId < codebookSize)) {
        const got = `${sampled.tokenId} at step ${step}, image ${image}, position ${position}`;
        throw new MuseError(place, `expected a token in [0, ${codebookSize}), got ${got}`);
      }
      keepSample(state, seqLen, { step, image, position }, isSample ? sampled : undefined, place);
    }
  });
}
