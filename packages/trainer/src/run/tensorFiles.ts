import { type Backend, ConfigError, WeightError } from '@muse/backend';
import {
  type Checkpoint,
  encodeSafetensors,
  memorySource,
  openCheckpoint,
  type ParameterSpec,
  type TensorData,
  toFilePermutation,
  toMemoryPermutation,
} from '@muse/checkpoint';
import type { Tensor } from '@tensorflow/tfjs';
import type { StateGroup } from './stateGroup.js';

/** A group as the bytes of a safetensors file at F32 (I32 for integers). */
export async function encodeGroup(backend: Backend, group: StateGroup): Promise<Uint8Array> {
  const layouts = layoutsOf(group.specs);
  const tensors = new Map<string, TensorData>();
  for (const [name, tensor] of group.tensors) {
    tensors.set(name, await toTensorData(backend, tensor, toFilePermutation(layouts.get(name) ?? 'none')));
  }
  return encodeSafetensors(tensors, { format: 'pt' });
}

/**
 * Reads what `encodeGroup` wrote, to the bit.
 *
 * @returns new tensors by name, owned by the caller
 * @throws WeightError if the bytes are damaged, ConfigError if the tensors are not those of the group
 */
export async function decodeGroup(
  backend: Backend,
  group: StateGroup,
  name: string,
  bytes: Uint8Array,
): Promise<Map<string, Tensor>> {
  const layouts = layoutsOf(group.specs);
  const checkpoint = await openCheckpoint(memorySource(name, bytes));
  const tensors = new Map<string, Tensor>();
  try {
    assertSameNames(group, checkpoint);
    for (const [key, old] of group.tensors) {
      const permutation = toMemoryPermutation(layouts.get(key) ?? 'none');
      const tensor = await toTensor(backend, await checkpoint.read(key), permutation);
      tensors.set(key, tensor);
      if (tensor.shape.join() !== old.shape.join()) {
        throw otherSettings(`${name}: expected ${key} [${old.shape}], got [${tensor.shape}]`);
      }
    }
    return tensors;
  } catch (error) {
    backend.tf.dispose([...tensors.values()]);
    throw error;
  } finally {
    await checkpoint.close();
  }
}

async function toTensorData({ tf }: Backend, tensor: Tensor, permutation: number[] | undefined): Promise<TensorData> {
  const ordered = permutation ? tf.transpose(tensor, permutation) : tensor;
  try {
    const data = (await ordered.data()) as Float32Array | Int32Array;
    return { dtype: data instanceof Int32Array ? 'I32' : 'F32', shape: ordered.shape, data };
  } finally {
    if (ordered !== tensor) ordered.dispose();
  }
}

async function toTensor(
  { tf }: Backend,
  { dtype, shape, data }: TensorData,
  permutation: number[] | undefined,
): Promise<Tensor> {
  if (dtype !== 'F32' && dtype !== 'I32') {
    throw new WeightError({ package: 'trainer', in: 'decodeGroup' }, `expected F32 or I32, got ${dtype}`);
  }
  const stored = tf.tensor(data as Float32Array | Int32Array, [...shape], dtype === 'I32' ? 'int32' : 'float32');
  if (!permutation) return stored;
  const ordered = tf.transpose(stored, permutation);
  stored.dispose();
  return ordered;
}

function assertSameNames(group: StateGroup, checkpoint: Checkpoint): void {
  const stored = new Set(checkpoint.names);
  const missing = [...group.tensors.keys()].filter((name) => !stored.has(name));
  const surplus = checkpoint.names.filter((name) => !group.tensors.has(name));
  if (missing.length + surplus.length > 0) {
    throw otherSettings(
      `${checkpoint.name}: missing ${missing.join(', ') || 'none'}; surplus ${surplus.join(', ') || 'none'}`,
    );
  }
}

/** A sound file that is not of this run's tensors: the optimizer, the mean or a size was another. */
export function otherSettings(difference: string): ConfigError {
  const place = { package: 'trainer', in: 'restore' };
  return new ConfigError(place, `expected a run with the same settings, got one that differs (${difference})`);
}

function layoutsOf(specs: readonly ParameterSpec[] = []): Map<string, ParameterSpec['layout']> {
  return new Map(specs.map(({ name, layout }) => [name, layout]));
}
