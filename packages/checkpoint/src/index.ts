export { type ByteSource, type FolderSource, memoryFolder, memorySource, subFolder } from './byteSource.js';
export { type Checkpoint, checkRows, type OpenCheckpointOptions, openCheckpoint } from './checkpoint.js';
export { encodeSafetensors, type TensorsByName } from './encodeSafetensors.js';
export { type CacheStore, memoryCacheStore } from './hub/cacheStore.js';
export {
  type DownloadFolderOptions,
  HUB_ENDPOINT,
  type HubFolder,
  type HubFolderOptions,
  hubFolder,
} from './hub/hubFolder.js';
export { peekFile } from './hub/peekFile.js';
export type { HubProgress } from './hub/progress.js';
export { urlFolder } from './hub/urlFolder.js';
export { variantFolder } from './hub/variantFolder.js';
export { type LoadComponentParametersOptions, loadComponentParameters } from './loadComponentParameters.js';
export { checkSpecs, type LoadModelOptions, type LoadParametersOptions, loadParameters } from './loadParameters.js';
export {
  type ModelComponent,
  type ModelFolder,
  type OpenModelFolderOptions,
  openModelFolder,
} from './modelFolder.js';
export { type ModelIndex, parseModelIndex, type SamplingDefaults } from './modelIndex.js';
export {
  countParameters,
  type Initializer,
  initParameters,
  type Layout,
  memoryShape,
  type ParameterSpec,
  type Parameters,
  toFilePermutation,
  toMemoryPermutation,
} from './parameters.js';
export { readBytes, readJson } from './readFile.js';
export { type FloatRows, type ReadFloatsOptions, readFloats } from './readFloats.js';
export { renameTensors } from './renameTensors.js';
export { isObject } from './safetensorsHeader.js';
export type { DType, TensorData, TensorInfo, TensorValues } from './tensorData.js';
