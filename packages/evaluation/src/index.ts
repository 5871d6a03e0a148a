export {
  type CascadePictures,
  type CascadeReport,
  type CascadeRequest,
  type EvaluateCascadeOptions,
  evaluateCascade,
  type SideBySide,
} from './cascade/evaluateCascade.js';
export { formatCascade } from './cascade/formatCascade.js';
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
export { frechetDistance, type Gaussian, gaussianFit } from './distances/frechetDistance.js';
export { pooledFeatures } from './distances/pooledFeatures.js';
export { type PsnrSummary, psnrOf } from './distances/psnr.js';
export { sobelMagnitude } from './distances/sobel.js';
export {
  type EditRequest,
  type EditRequestOptions,
  type EditTask,
  editRequests,
  editTasks,
} from './editing/editRequests.js';
export {
  type EditAnswer,
  type EditAttribute,
  type EditScores,
  editAttributes,
  editScores,
  formatEditScores,
} from './editing/editScores.js';
export {
  type EditsProgress,
  type EditsReport,
  type EvaluateEditsOptions,
  evaluateEdits,
} from './editing/evaluateEdits.js';
export {
  evaluateReconstruction,
  type ImageTokenizer,
  type ReconstructionOptions,
  type ReconstructionReport,
} from './evaluateReconstruction.js';
export { type ContactSheetOptions, contactSheet } from './pictures/contactSheet.js';
export { type OpaquePicture, renderRgba } from './pictures/renderRgba.js';
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
