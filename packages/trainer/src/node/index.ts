export { type ImageFolderDataset, type ImageFolderOptions, imageFolder } from './imageFolder.js';
export { nodeRunFolder } from './nodeRunFolder.js';
export {
  type ImagesOrAtlas,
  type NodeBaseOptions,
  type NodeClassifierOptions,
  type NodeSuperResOptions,
  type NodeTokenizerOptions,
  type RunDirectory,
  trainBase,
  trainClassifier,
  trainSuperRes,
  trainTokenizer,
} from './trainOnScenes.js';
