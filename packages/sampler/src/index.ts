export { type DecodeStep, decode, decodeTokens } from './decode.js';
export type {
  DecideRequest,
  DecodeOptions,
  Logits,
  LogitsRequest,
  SampledTokens,
  SampleRequest,
  TokenDecoder,
  TokenState,
} from './decodeOptions.js';
export {
  type GuidanceOptions,
  type GuidanceSchedule,
  guidanceFromDiffusers,
  guidanceScaleAt,
  guidanceSchedules,
} from './guidance.js';
export { haltonOrder } from './haltonOrder.js';
export { type MaskSchedule, maskRatio, maskSchedules, numMaskedAfter } from './maskSchedule.js';
export { type RandomMaskOptions, randomMask } from './randomMask.js';
export { defaultRemaskRatio, defaultRemaskSettings, type RemaskOptions, remask } from './remask.js';
export {
  type DecodeOrder,
  decodeOrders,
  defaultSamplingSettings,
  resolveSamplingSettings,
  type SamplingSettings,
  settingNames,
} from './settings.js';
