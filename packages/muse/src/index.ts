export type { GenerateOptions, GenerationStep, ResolvedGenerateOptions } from './generateOptions.js';
export type { GeneratedImage, GenerationSettings, RgbaImage, TokenGrid } from './image.js';
export { createMuse, type EncodedText, Muse } from './muse.js';
export type { LoadOptions, MuseParts } from './museParts.js';
export { decodePng, encodePng } from './png.js';
export { readPngText } from './pngChunks.js';
export type { LoadProgress } from './progress.js';
