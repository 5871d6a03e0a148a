export { type ImageFolderDataset, type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { nodeRunFolder } from './nodeRunFolder.js';
export {
  type ImagesOrAtlas,
  type NodeBaseOptions,
  type NodeClassifierOptions,
  type NodeTokenizerOptions,
  type RunDirectory,
  trainBase,
  trainClassifier,
  trainTokenizer,
} from './trainOnScenes.js';
