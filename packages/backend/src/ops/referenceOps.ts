import { geglu, gelu, geluTanh, silu } from './activations.js';
import { attention } from './attention.js';
import { composeOps } from './composeOps.js';
import { conv2d, upsampleNearest } from './conv.js';
import { crossEntropy } from './crossEntropy.js';
import { embedding, nearestCode } from './embedding.js';
import { linear } from './linear.js';
import { groupNorm, layerNorm, rmsNorm } from './norms.js';
import type { BasicOps, Ops } from './ops.js';

const basicOps: BasicOps = {
  linear,
  attention,
  layerNorm,
  rmsNorm,
  groupNorm,
  gelu,
  geluTanh,
  geglu,
  silu,
  conv2d,
  upsampleNearest,
  embedding,
  nearestCode,
  crossEntropy,
};

/** Every op in plain tfjs: what the other implementations are measured against. */
export const referenceOps: Ops = { ...basicOps, ...composeOps(basicOps) };
