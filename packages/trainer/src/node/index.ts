export { type ImageFolderDataset, type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { nodeRunFolder } from './nodeRunFolder.js';
export {
  type ImagesOrAtlas,
  type NodeBaseOptions,
  type NodeTokenizerOptions,
  type RunDirectory,
  trainBase,
  trainTokenizer,
} from './trainOnScenes.js';
