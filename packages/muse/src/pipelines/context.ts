import type { ErrorPlace } from '@muse/backend';
import type { PreparedConditioning, PreparedSuperRes } from '@muse/masked-transformer';
import type { SamplingSettings } from '@muse/sampler';
import { checkText } from '../checkText.js';
import type { MuseParts } from '../museParts.js';
import { type PipelineOptions, type ResolvedOptions, resolveOptions } from '../options.js';
import type { Runtime } from '../runtime.js';
import type { Stage } from '../stage.js';

/** What a pipeline works with. */
export interface PipelineContext {
  readonly parts: MuseParts;
  readonly runtime: Runtime;
  readonly base: Stage<PreparedConditioning>;
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
  { parts }: PipelineContext,
  options: Partial<PipelineOptions>,
  { place, sampling, ...rest }: CheckOptions,
): ResolvedOptions {
  const { index, textEncoder } = parts;
  // Names of schedules and orders come from a file: they are checked with the rest.
  const defaults = { sampling: { ...(index.sampling as Partial<SamplingSettings>), ...sampling } };
  const { superResSampling } = index;
  const resolved = resolveOptions(options, { place, defaults: { ...defaults, superResSampling }, ...rest });
  const { prompt, negativePrompt } = resolved.settings;
  if (prompt !== '') checkText(place, 'prompt', prompt, textEncoder);
  if (negativePrompt !== undefined) checkText(place, 'negativePrompt', negativePrompt, textEncoder);
  return resolved;
}
