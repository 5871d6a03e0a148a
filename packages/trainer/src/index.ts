export { psnrOf as psnr } from '@muse/evaluation';
export { BatchSource, type Dataset, type ImageBatch, loadImages } from './data/dataset.js';
export { type SceneDataset, type SceneDatasetOptions, sceneDataset } from './data/sceneDataset.js';
export { encodeDataset, type TokenPool, type TokenPoolOptions } from './data/tokenPool.js';
export { type ComponentFiles, exportComponent, openComponent, runFolderSource } from './exportComponent.js';
export {
  type CascadeCard,
  defaultSampling,
  defaultSuperResSampling,
  exportModelFolder,
  type ModelCard,
  type ModelToExport,
} from './exportModelFolder.js';
export { type ImageGrid, imageGrid, splitImages } from './imageGrid.js';
export { type OfflineEmaOptions, offlineWeightEma } from './offlineWeightEma.js';
export { type AdafactorOptions, adafactor } from './optimizers/adafactor.js';
export { type AdamOptions, adam, adamW } from './optimizers/adam.js';
export { clipScale, globalNorm, lossAndGradients } from './optimizers/gradients.js';
export {
  disposeTensors,
  initOptimizerState,
  type Optimizer,
  type OptimizerState,
  updateParameters,
} from './optimizers/optimizer.js';
export {
  type BaseSettings,
  type ClassifierSettings,
  type RunSettings,
  type SuperResSettings,
  type TokenizerSettings,
  trainerPresets,
} from './presets.js';
export type { RunFolder } from './run/runFolder.js';
export type { LoopCallbacks, TrainingProgress, TrainingResult } from './run/runTraining.js';
export { type LearningRateSchedule, learningRateAt } from './schedule.js';
export { type BaseTrainingOptions, trainBase } from './trainBase.js';
export { type ClassifierTrainingOptions, trainClassifier } from './trainClassifier.js';
export { type ImagePair, type SuperResTrainingOptions, trainSuperRes } from './trainSuperRes.js';
export { type TokenizerTrainingOptions, trainTokenizer } from './trainTokenizer.js';
export { emaDecayAt, initWeightEma, updateWeightEma } from './weightEma.js';
