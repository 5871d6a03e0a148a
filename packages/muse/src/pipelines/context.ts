import type { ErrorPlace } from '@muse/backend';
import type { PreparedConditioning } from '@muse/masked-transformer';
import { checkText } from '../checkText.js';
import type { MuseParts } from '../museParts.js';
import type { ResolvedOptions } from '../options.js';
import type { Runtime } from '../runtime.js';
import type { Stage } from '../stage.js';

/** What a pipeline works with. */
export interface PipelineContext {
  readonly parts: MuseParts;
  readonly runtime: Runtime;
  readonly base: Stage<PreparedConditioning>;
}

/** @throws ConfigError for a prompt that is too long or not in the vocabulary */
export function checkTexts(place: ErrorPlace, { parts }: PipelineContext, { settings }: ResolvedOptions): void {
  const { prompt, negativePrompt } = settings;
  checkText(place, 'prompt', prompt, parts.textEncoder);
  if (negativePrompt !== undefined) checkText(place, 'negativePrompt', negativePrompt, parts.textEncoder);
}
