export { nodeRunFolder } from './nodeRunFolder.js';
export {
  type ImagesOrAtlas,
  type NodeBaseOptions,
  type NodeTokenizerOptions,
  type RunDirectory,
  trainBase,
  trainTokenizer,
} from './trainOnScenes.js';
