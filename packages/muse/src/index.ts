export {
  checkImage,
  type GeneratedImage,
  type GenerationSettings,
  type MicroConditioning,
  type RgbaImage,
  type TokenGrid,
} from './image.js';
export { ImageTokenizer } from './imageTokenizer.js';
export { type Canvas, type CompositeOptions, composite } from './imaging/composite.js';
export { type MaskImage, maskFromBox, maskFromRgba, tokenMask } from './imaging/mask.js';
export type { ImageSize, Region } from './imaging/region.js';
export { resize, resizeRegion } from './imaging/resize.js';
export { createMuse, type EncodedText, Muse } from './muse.js';
export type { AmusedParts, LoadOptions, MuseParts, SuperResParts, T5Parts } from './museParts.js';
export type { GenerationStep, PipelineOptions, ResolvedOptions } from './options.js';
export type { EditOptions } from './pipelines/edit.js';
export type { EditedImage, EditedWindow, EditSettings } from './pipelines/editedImage.js';
export type { GenerateOptions } from './pipelines/generate.js';
export type { InpaintOptions } from './pipelines/inpaint.js';
export type { OutpaintedImage, OutpaintOptions } from './pipelines/outpaint.js';
export type { UpscaleOptions } from './pipelines/upscale.js';
export type { VariationsOptions } from './pipelines/variations.js';
export { type TextEncoderPlace, textEncoderPlaces } from './planMemory.js';
export { decodePng, encodePng } from './png.js';
export { readPngText } from './pngChunks.js';
export type { LoadProgress } from './progress.js';
export type { StageName } from './stage.js';
export { vqganComponent } from './vqganComponent.js';
