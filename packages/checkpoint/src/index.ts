export { type ByteSource, type FolderSource, memoryFolder, memorySource, subFolder } from './byteSource.js';
export { type Checkpoint, type OpenCheckpointOptions, openCheckpoint } from './checkpoint.js';
export { encodeSafetensors, type TensorsByName } from './encodeSafetensors.js';
export { type LoadParametersOptions, loadParameters } from './loadParameters.js';
export { type ModelComponent, type ModelFolder, openModelFolder } from './modelFolder.js';
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
export { renameTensors } from './renameTensors.js';
export type { DType, TensorData, TensorInfo, TensorValues } from './tensorData.js';
