import { type Backend, WeightError } from '@muse/backend';
import {
  type DType,
  encodeSafetensors,
  type FolderSource,
  type ModelComponent,
  memorySource,
  openCheckpoint,
  type ParameterSpec,
  type Parameters,
  readJson,
  subFolder,
  type TensorData,
  toFilePermutation,
} from '@muse/checkpoint';
import type { RunFolder } from './run/runFolder.js';

export interface ComponentFiles {
  readonly backend: Backend;
  readonly parameters: Parameters;
  readonly specs: readonly ParameterSpec[];
  /** Becomes config.json. */
  readonly config: unknown;
  /** Default F16. */
  readonly dtype?: Extract<DType, 'F32' | 'F16' | 'BF16'>;
}

/**
 * Writes one part of a model folder: `<path>/config.json` and `<path>/model.safetensors`, in PyTorch's layout.
 *
 * @throws WeightError if a tensor is missing, or too large for F16
 */
export async function exportComponent(run: RunFolder, path: string, files: ComponentFiles): Promise<void> {
  const { backend, parameters, specs, config, dtype = 'F16' } = files;
  const { tf } = backend;
  const tensors = new Map<string, TensorData>();
  for (const { name, layout } of specs) {
    const tensor = parameters.get(name);
    if (!tensor)
      throw new WeightError({ package: 'trainer', in: 'exportComponent' }, `expected a tensor ${name}, got none`);
    const permutation = toFilePermutation(layout);
    const ordered = permutation ? tf.transpose(tensor, permutation) : tensor;
    tensors.set(name, { dtype, shape: ordered.shape, data: (await ordered.data()) as Float32Array });
    if (permutation) ordered.dispose();
  }
  await run.write(`${path}/model.safetensors`, encodeSafetensors(tensors, { format: 'pt' }));
  await run.write(`${path}/config.json`, `${JSON.stringify(config, null, 2)}\n`);
}

/** A part of a folder that need not be a whole model: what `trainTokenizer` leaves has no model_index.json. */
export async function openComponent(folder: FolderSource, name: string): Promise<ModelComponent> {
  const inner = subFolder(folder, name);
  return { name, config: await readJson(inner, 'config.json'), folder: inner, checkpoint: () => openCheckpoint(inner) };
}

/** A run folder as a source of model files. */
export function runFolderSource(run: RunFolder, path: string): FolderSource {
  return {
    location: `${run.location}/${path}`,
    async open(file) {
      return memorySource(`${run.location}/${path}/${file}`, await run.read(`${path}/${file}`));
    },
    async has(file) {
      const parts = `${path}/${file}`.split('/');
      const name = parts.pop()!;
      return (await run.list(parts.join('/'))).includes(name);
    },
  };
}
