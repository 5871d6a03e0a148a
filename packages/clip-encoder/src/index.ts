export { ClipImageEncoder, type ClipImageStates, clipSimilarity } from './clipImageEncoder.js';
export { type ClipImage, clipPixels } from './clipPixels.js';
export { ClipTextEncoder, type ClipTextStates } from './clipTextEncoder.js';
export {
  type ClipActivation,
  type ClipImageConfig,
  type ClipTextConfig,
  resolveClipImageConfig,
  resolveClipTextConfig,
} from './config.js';
export { type LoadClipOptions, loadClipImageEncoder, loadClipTextEncoder, loadClipTokenizer } from './loadClip.js';
export { clipImageParameters, clipTextParameters } from './parameters.js';
export { ClipTokenizer, type ClipTokenizerFiles, type TokenBatch } from './tokenizer/clipTokenizer.js';
