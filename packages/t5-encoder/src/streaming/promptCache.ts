import type { PromptStates } from './streamedT5Encoder.js';

/** Where states of prompts are kept for later calls. `@muse/t5-encoder/node` has one in a folder. */
export interface PromptCache {
  /** f32 [t, D] that were kept under this key, or undefined. */
  get(key: string, shape: readonly [t: number, D: number]): Promise<Float32Array | undefined>;
  set(key: string, states: PromptStates): Promise<void>;
}
