import type { ParameterSpec } from '@muse/checkpoint';
import type { Tensor } from '@tensorflow/tfjs';

/** Tensors that a checkpoint holds in one file, `<name>.safetensors`. */
export interface StateGroup {
  readonly name: string;
  /** Owned by the task; a restore replaces the entries in place. */
  readonly tensors: Map<string, Tensor>;
  /** If given, the file has PyTorch's layout, so that other programs read it; else the layout of memory. */
  readonly specs?: readonly ParameterSpec[];
}
