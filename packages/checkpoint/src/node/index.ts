export { type ConvertedWeights, type ConvertWeightsOptions, convertWeights } from './convertWeights.js';
export { fileSource, nodeFolder } from './fileSource.js';
export {
  type BrokenFile,
  removeCached,
  type VerifiedCache,
  type VerifyOptions,
  verifyCache,
} from './hub/changeCache.js';
export { type DownloadedModel, downloadModel } from './hub/downloadModel.js';
export { type HubEnvironment, hubEnvironment } from './hub/environment.js';
export { type CachedFile, type CachedModel, type CachedRevision, listCache } from './hub/listCache.js';
export { type ResolveFolderOptions, resolveFolder } from './hub/resolveFolder.js';
export { type SaveParametersOptions, saveParameters } from './saveParameters.js';
export { writeFileAtomic } from './writeFileAtomic.js';
export { type WriteSafetensorsOptions, writeSafetensors } from './writeSafetensors.js';
