import type { ErrorPlace } from '@muse/backend';
import type { PreparedConditioning, PreparedSuperRes, PreparedUViT } from '@muse/masked-transformer';
import type { SamplingSettings } from '@muse/sampler';
import type { Conditioner } from '../conditioning/conditioner.js';
import type { MuseParts } from '../museParts.js';
import { type PipelineOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import type { Runtime } from '../runtime.js';
import type { Stage } from '../stage.js';

/** What the base stage's transformer prepares of a prompt. */
export type BasePrepared = PreparedConditioning | PreparedUViT;

/** What a pipeline works with. */
export interface PipelineContext {
  readonly parts: MuseParts;
  readonly runtime: Runtime;
  readonly conditioner: Conditioner;
  readonly base: Stage<BasePrepared>;
  readonly superRes?: Stage<PreparedSuperRes>;
}

export interface CheckOptions {
  readonly place: ErrorPlace;
  readonly count?: number;
  readonly isPromptOptional?: boolean;
  /** What the pipeline wants in place of the model's sampling. */
  readonly sampling?: Partial<SamplingSettings>;
}

/**
 * Options of a pipeline over the model's own settings, checked.
 *
 * @throws ConfigError for an option out of its range, a prompt that is empty, too long or not in the vocabulary
 */
export function checkPipelineOptions(
  { parts, conditioner }: PipelineContext,
  options: Partial<PipelineOptions>,
  { place, sampling, ...rest }: CheckOptions,
): ResolvedOptions {
  const { index } = parts;
  // Names of schedules and orders come from a file: they are checked with the rest.
  const defaults = { sampling: { ...(index.sampling as Partial<SamplingSettings>), ...sampling } };
  const { superResSampling } = index;
  const { microConditioning } = conditioner;
  const resolved = resolveOptions(options, {
    place,
    defaults: { ...defaults, superResSampling, microConditioning },
    ...rest,
  });
  const { prompt, negativePrompt } = resolved.settings;
  if (prompt !== '') conditioner.checkText(place, 'prompt', prompt);
  if (negativePrompt !== undefined) conditioner.checkText(place, 'negativePrompt', negativePrompt);
  return resolved;
}
