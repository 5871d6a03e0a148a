export { nodeRunFolder } from './nodeRunFolder.js';
export { type ImagesOrAtlas, type NodeTokenizerOptions, type RunDirectory, trainTokenizer } from './trainOnScenes.js';
