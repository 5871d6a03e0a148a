export { Augmenter, type AugmentOptions } from './classifier/augment.js';
export {
  resolveSceneClassifierConfig,
  type SceneClassifierConfig,
  sceneClassifierDefaults,
} from './classifier/config.js';
export { type Count, type HeadName, headNames, headSizes, type PairLayout } from './classifier/heads.js';
export { classifierLoss } from './classifier/loss.js';
export { type MeasureClassifierOptions, measureClassifier } from './classifier/measureClassifier.js';
export { sceneClassifierParameters } from './classifier/parameters.js';
export { readingOf, readLogits, type SceneLabels, type SceneReading, sceneLabels } from './classifier/reading.js';
export { readPictures } from './classifier/readPictures.js';
export { loadSceneClassifier, SceneClassifier, type SceneLogits } from './classifier/sceneClassifier.js';
export {
  type ClassifierProgress,
  type ClassifierTrainingOptions,
  trainSceneClassifier,
} from './classifier/trainSceneClassifier.js';
export {
  evaluateReconstruction,
  type ImageTokenizer,
  type ReconstructionOptions,
  type ReconstructionReport,
} from './evaluateReconstruction.js';
export { type Proportion, proportion } from './proportion.js';
export {
  evaluateSuite,
  type SuiteOptions,
  type SuiteProgress,
  type SuitePrompt,
  type SuiteReport,
} from './suite/evaluateSuite.js';
export { type Answer, formatScores, type SuiteScores, suiteScores } from './suite/suiteScores.js';
export type { Picture, RgbaPicture } from './suite/toPicture.js';
