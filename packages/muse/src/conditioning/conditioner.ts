import type { ErrorPlace } from '@muse/backend';
import type { PreparedSuperRes } from '@muse/masked-transformer';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import type { GenerationSettings, MicroConditioning } from '../image.js';
import type { BasePrepared } from '../pipelines/context.js';
import type { PreparedRows } from '../preparedRows.js';

/** States of one text, on the device. */
export interface EncodedTensors {
  /** f32 [1, T, Dt]. */
  readonly embeds: Tensor3D;
  /** f32 [1, T], 1 where there is a token that the transformer sees. */
  readonly mask: Tensor2D;
}

/** A prompt, made ready for each stage's transformer. */
export interface PromptConditioning {
  readonly base: PreparedRows<BasePrepared>;
  /** Of a model that has a second stage. The caller disposes the result. @param coarseTokenIds i32 [s] of the base */
  superRes?(coarseTokenIds: Int32Array): PreparedRows<PreparedSuperRes>;
  dispose(): void;
}

/** What sets the kinds of models apart: how a text becomes what the transformer is conditioned on. */
export interface Conditioner {
  /** What the model is told of a picture beside its text, unless it is told otherwise; only of models that take it. */
  readonly microConditioning?: MicroConditioning;
  /** @throws ConfigError for text that the encoder would cut off or not see */
  checkText(place: ErrorPlace, name: string, text: string): void;
  /** The caller disposes both. Rejects with the signal's reason, where the encoder takes its time. */
  encode(text: string, signal?: AbortSignal): Promise<EncodedTensors>;
  /**
   * Where each pass over the encoder's weights is dear: one for all of the texts, whose states are kept for the calls to come.
   * Rejects as `encode`.
   */
  encodeAhead?(texts: readonly string[], signal?: AbortSignal): Promise<void>;
  /** The caller disposes it. Rejects as `encode`, and leaves nothing then. */
  prepare(settings: GenerationSettings, signal?: AbortSignal): Promise<PromptConditioning>;
  /** Frees what prompts have in common. */
  dispose(): void;
}
