import { type Backend, type Conv2dOptions, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from '@tensorflow/tfjs';
import type { VQGANStructure } from './structure.js';

/** What a layer needs besides its input: read at call time, so that training may replace tensors in the map. */
export interface LayerContext {
  readonly backend: Backend;
  readonly parameters: Parameters;
  readonly normNumGroups: number;
  readonly structure: VQGANStructure;
}

/** @param isOwned whether the layer may dispose x before it ends; whoever calls it does so then in any case */
export type Layer = (x: Tensor4D, isOwned?: boolean) => Tensor4D;

const NORM_EPSILON = 1e-6;

/** @throws WeightError when the model has no tensor of that name */
export function parameter<T extends Tensor>({ parameters }: Pick<LayerContext, 'parameters'>, name: string): T {
  const tensor = parameters.get(name);
  if (!tensor) throw new WeightError({ package: 'vqgan', in: 'parameter' }, `expected a tensor ${name}, got none`);
  return tensor as T;
}

/** Layers one after another; each intermediate is freed as soon as the next is there. The input is the caller's to dispose. */
export function runLayers(
  { backend }: Pick<LayerContext, 'backend'>,
  input: Tensor4D,
  layers: readonly Layer[],
  isOwned = false,
): Tensor4D {
  let x = input;
  for (const layer of layers) {
    const next = backend.tf.tidy(() => layer(x, isOwned || x !== input));
    if (x !== input) x.dispose();
    x = next;
  }
  return x;
}

/** @param x f32 [B, H, W, C] */
export function conv(context: LayerContext, name: string, x: Tensor4D, options?: Conv2dOptions): Tensor4D {
  const weight = parameter<Tensor4D>(context, `${name}.weight`);
  return context.backend.ops.conv2d(x, weight, parameter<Tensor1D>(context, `${name}.bias`), options);
}

/** A 1×1 convolution, as the matrix product that it is. @param x f32 [B, H, W, I] @returns f32 [B, H, W, O] */
export function pointwiseConv(context: LayerContext, name: string, x: Tensor4D): Tensor4D {
  const { backend } = context;
  const weight = parameter<Tensor4D>(context, `${name}.weight`); // f32 [1, 1, I, O]
  const [, , I, O] = weight.shape;
  return backend.tf.tidy(() => {
    const matrix = backend.tf.reshape(weight, [I, O]) as Tensor2D;
    return backend.ops.linear(x, matrix, parameter<Tensor1D>(context, `${name}.bias`)) as Tensor4D;
  });
}

/** @param x f32 [B, H, W, C] */
export function groupNorm(context: LayerContext, name: string, x: Tensor4D): Tensor4D {
  const { backend, normNumGroups } = context;
  const weight = parameter<Tensor1D>(context, `${name}.weight`);
  return backend.ops.groupNorm(x, weight, parameter<Tensor1D>(context, `${name}.bias`), normNumGroups, NORM_EPSILON);
}

/** swish(groupNorm(x)) */
export function normSwish(context: LayerContext, name: string, x: Tensor4D): Tensor4D {
  const { ops, tf } = context.backend;
  return tf.tidy(() => ops.silu(groupNorm(context, name, x)) as Tensor4D);
}

/**
 * conv(swish(groupNorm(x))), added to a residual if there is one.
 *
 * @param residual f32 [B, H, W, O]
 * @param isLastUse disposes x
 */
function normSwishConv(
  context: LayerContext,
  names: { readonly norm: string; readonly conv: string },
  x: Tensor4D,
  { residual, isLastUse = false }: { residual?: Tensor4D; isLastUse?: boolean } = {},
): Tensor4D {
  const norm = {
    weight: parameter<Tensor1D>(context, `${names.norm}.weight`),
    bias: parameter<Tensor1D>(context, `${names.norm}.bias`),
    numGroups: context.normNumGroups,
    epsilon: NORM_EPSILON,
  };
  const weight = parameter<Tensor4D>(context, `${names.conv}.weight`);
  const bias = parameter<Tensor1D>(context, `${names.conv}.bias`);
  return context.backend.ops.normSiluConv2d(x, norm, weight, { bias, isLastUse, ...(residual && { residual }) });
}

/**
 * x + conv(swish(norm(conv(swish(norm(x)))))). Where the width changes, a 1×1 convolution of x, or as MaskGIT has it of the
 * update, takes the place of x.
 */
export function residualBlock(context: LayerContext, prefix: string, x: Tensor4D, isOwned = false): Tensor4D {
  const { tf } = context.backend;
  const names = (n: 1 | 2) => ({ norm: `${prefix}.norm${n}`, conv: `${prefix}.conv${n}` });
  const hasShortcut = context.parameters.has(`${prefix}.conv_shortcut.weight`);
  return tf.tidy(() => {
    if (hasShortcut && context.structure.shortcutOf !== 'input') {
      const inner = normSwishConv(context, names(1), x, { isLastUse: isOwned });
      const update = normSwishConv(context, names(2), inner, { isLastUse: true });
      return tf.add(pointwiseConv(context, `${prefix}.conv_shortcut`, update), update) as Tensor4D;
    }
    const residual = hasShortcut ? pointwiseConv(context, `${prefix}.conv_shortcut`, x) : x;
    const inner = normSwishConv(context, names(1), x, { isLastUse: isOwned && hasShortcut });
    return normSwishConv(context, names(2), inner, { residual, isLastUse: true });
  });
}

/** x + attention of one head among all places, of norm(x). @param x f32 [B, h, w, C] */
export function attentionBlock(context: LayerContext, prefix: string, x: Tensor4D): Tensor4D {
  const { ops, tf } = context.backend;
  const [B, h, w, C] = x.shape;
  return tf.tidy(() => {
    const places = tf.reshape(groupNorm(context, `${prefix}.group_norm`, x), [B, h * w, C]); // f32 [B, h·w, C]
    const project = (name: string, input: Tensor) => {
      const weight = parameter<Tensor2D>(context, `${prefix}.${name}.weight`);
      return ops.linear(input, weight, parameter<Tensor1D>(context, `${prefix}.${name}.bias`)) as Tensor3D;
    };
    const [q, k, v] = [project('to_q', places), project('to_k', places), project('to_v', places)];
    const update = project('to_out.0', ops.attention(q, k, v, { numHeads: 1 }));
    return tf.add(x, tf.reshape(update, x.shape)) as Tensor4D;
  });
}

/**
 * Half the resolution: a stride-2 convolution on zeros padded below and to the right only, as in diffusers; or the average of
 * 2 × 2 pixels.
 */
export function downsample(context: LayerContext, prefix: string, x: Tensor4D): Tensor4D {
  if (context.structure.downsampling === 'average') return context.backend.tf.avgPool(x, 2, 2, 'valid');
  return conv(context, `${prefix}.conv`, x, { stride: 2, padding: [0, 1, 0, 1] });
}

/** Twice the resolution: each pixel repeated, then a convolution. */
export function upsample(context: LayerContext, prefix: string, x: Tensor4D): Tensor4D {
  const weight = parameter<Tensor4D>(context, `${prefix}.conv.weight`);
  return context.backend.ops.upsampleConv2d(x, weight, parameter<Tensor1D>(context, `${prefix}.conv.bias`));
}
