export {
  countParameters,
  type Initializer,
  initParameters,
  type Layout,
  memoryShape,
  type Parameters,
  type ParameterSpec,
  toFilePermutation,
  toMemoryPermutation,
} from './parameters.js';
