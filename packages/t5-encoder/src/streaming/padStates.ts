import type { PromptStates } from './streamedT5Encoder.js';

/** States of texts side by side, zeros behind each. @returns `embeds` f32 [B, T, D], `mask` f32 [B, T] */
export function padStates(
  states: readonly PromptStates[],
  maxLength: number,
  width: number,
): { readonly embeds: Float32Array<ArrayBuffer>; readonly mask: Float32Array<ArrayBuffer> } {
  const embeds = new Float32Array(states.length * maxLength * width);
  const mask = new Float32Array(states.length * maxLength);
  states.forEach((text, row) => {
    embeds.set(text.embeds, row * maxLength * width);
    mask.fill(1, row * maxLength, row * maxLength + text.shape[0]);
  });
  return { embeds, mask };
}
