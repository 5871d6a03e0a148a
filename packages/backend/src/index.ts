export { assertShape, type ShapePattern } from './assertShape.js';
export {
  type Backend,
  type Capabilities,
  type DeviceName,
  deviceNames,
  type ModelDtype,
  modelDtypes,
  type PackedDtype,
} from './backend.js';
export { type BackendOptions, type BackendProgress, createBackend } from './createBackend.js';
export { describeDevices, suitsAuto } from './devices/allDevices.js';
export type { DeviceOptions, DeviceReport } from './devices/device.js';
export {
  ConfigError,
  type ErrorPlace,
  ImageError,
  MuseError,
  ShapeError,
  UnsupportedBackendError,
  WeightError,
} from './errors.js';
export type { DecideTensors } from './ops/decideTokens.js';
export type {
  AttentionOptions,
  BasicOps,
  ComposedOps,
  Conv2dOptions,
  FusedConv2dOptions,
  FusedLinearOptions,
  GridTables,
  GroupNormParameters,
  LinearActivation,
  ModulatedNormOptions,
  Modulation,
  Ops,
  SelfAttentionWeights,
} from './ops/ops.js';
export type { NoiseTensors } from './ops/randomNumbers.js';
export { referenceOps } from './ops/referenceOps.js';
export type { CaptureOptions, Plan, PlanInput, TensorFunction } from './plan/plan.js';
export { gumbel, normal, permutation, type RandomStream, randomUint32, uniform } from './random/draws.js';
export { philox4x32 } from './random/philox.js';
export { streamWords } from './random/streamWords.js';
