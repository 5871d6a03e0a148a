export {
  resolveT5Config,
  type T5Activation,
  type T5Config,
  type T5PresetName,
  t5Activations,
  t5ConfigJson,
  t5Presets,
} from './config.js';
export { loadT5Encoder } from './loadT5Encoder.js';
export { t5Parameters } from './parameters.js';
export { relativePositionBuckets } from './relativePosition.js';
export { memoryPromptCache } from './streaming/memoryPromptCache.js';
export { openStreamedT5Encoder, type StreamedT5Options } from './streaming/openStreamedT5Encoder.js';
export { padStates } from './streaming/padStates.js';
export type { PromptCache } from './streaming/promptCache.js';
export {
  type EncodeProgress,
  type PromptStates,
  type StreamedEncodeOptions,
  StreamedT5Encoder,
} from './streaming/streamedT5Encoder.js';
export { T5Encoder, type TextStates } from './t5Encoder.js';
export { sentencePieceToTokenizerJson } from './tokenizer/sentencePieceToTokenizerJson.js';
export { type SentencePieceOptions, T5Tokenizer, type TokenBatch } from './tokenizer/t5Tokenizer.js';
export type { AddedTokenJson, TokenizerJson } from './tokenizer/tokenizerJson.js';
export { wordVocabularyTokenizer } from './tokenizer/wordVocabularyTokenizer.js';
