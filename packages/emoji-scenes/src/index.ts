export { type Atlas, type AtlasIndex, atlasFrom } from './atlas.js';
export { augmentedCaption, caption } from './captions.js';
export { fixedPrompts } from './fixedPrompts.js';
export { heldOutPrompts, type ScenePrompt } from './heldOutPrompts.js';
export { renderScene } from './render.js';
export {
  type CountScene,
  countScene,
  defaultKindShares,
  isHeldOut,
  makeSingle,
  type PairScene,
  pairScene,
  type SampleSceneOptions,
  SCENE_SIZE,
  type Scene,
  type SceneItem,
  type SceneKind,
  type SingleScene,
  sampleScene,
  sceneKinds,
} from './scene.js';
export { sceneVocabulary } from './sceneVocabulary.js';
export { isHeldOutPair, isHeldOutTriple } from './splits.js';
export {
  type Background,
  backgroundColours,
  backgrounds,
  type Corner,
  corners,
  type EmojiName,
  type EmojiStyle,
  names,
  type Relation,
  relations,
  styles,
} from './vocabulary.js';
