import { type Backend, normal } from '@muse/backend';
import type * as tf from '@tensorflow/tfjs';

/**
 * How a tensor lies in a file (PyTorch's layout) and in memory (tfjs's):
 * `linear` [out, in] ↔ [in, out]; `conv` [out, in, kh, kw] ↔ [kh, kw, in, out]; `none` the same.
 */
export type Layout = 'none' | 'linear' | 'conv';

export type Initializer =
  | { readonly kind: 'zeros' }
  | { readonly kind: 'ones' }
  | { readonly kind: 'normal'; readonly std: number };

/** One tensor of a model: everything that loading, validating, initialising, counting and saving need to know of it. */
export interface ParameterSpec {
  /** Name in the file. */
  readonly name: string;
  /** Shape in the file. */
  readonly shape: readonly number[];
  readonly layout: Layout;
  readonly init: Initializer;
  /** In memory; a file may hold any float, or any integer, type. Default float32. */
  readonly dtype?: 'float32' | 'int32';
  /** False for buffers that no gradient reaches (an EMA codebook). Default true. */
  readonly isTrainable?: boolean;
}

/** Tensors of a model by their names in the file, in tfjs layout. */
export type Parameters = Map<string, tf.Tensor>;

export function countParameters(specs: readonly ParameterSpec[]): number {
  return specs.reduce((sum, { shape }) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

/** Shape in memory of a tensor of a file. */
export function memoryShape({ shape, layout }: Pick<ParameterSpec, 'shape' | 'layout'>): number[] {
  if (layout === 'linear') return [shape[1]!, shape[0]!];
  if (layout === 'conv') return [shape[2]!, shape[3]!, shape[1]!, shape[0]!];
  return [...shape];
}

/** Axis order that takes a file's tensor into memory. */
export function toMemoryPermutation(layout: Layout): number[] | undefined {
  if (layout === 'linear') return [1, 0];
  if (layout === 'conv') return [2, 3, 1, 0];
  return undefined;
}

/** Axis order that takes a tensor in memory back to the file. */
export function toFilePermutation(layout: Layout): number[] | undefined {
  if (layout === 'linear') return [1, 0];
  if (layout === 'conv') return [3, 2, 0, 1];
  return undefined;
}

/** Random stream stage of weight initialisation. */
const INIT_STAGE = 0x1a17;

/** Fresh parameters; each tensor's values depend on the seed and on its place in `specs` only. The caller disposes. */
export function initParameters(backend: Backend, specs: readonly ParameterSpec[], seed: number): Parameters {
  const { tf: tfjs } = backend;
  const parameters: Parameters = new Map();
  specs.forEach((spec, index) => {
    const shape = memoryShape(spec);
    const { init } = spec;
    if (init.kind === 'normal') {
      const size = shape.reduce((product, n) => product * n, 1);
      const values = Float32Array.from(normal({ seed, stage: INIT_STAGE, step: index }, size), (x) => x * init.std);
      parameters.set(spec.name, tfjs.tensor(values, shape, 'float32'));
    } else {
      parameters.set(spec.name, init.kind === 'ones' ? tfjs.ones(shape, spec.dtype) : tfjs.zeros(shape, spec.dtype));
    }
  });
  return parameters;
}
