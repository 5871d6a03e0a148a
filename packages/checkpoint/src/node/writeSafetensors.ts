import { layOutSafetensors, type TensorsByName, tensorMap } from '../encodeSafetensors.js';
import { encodeTensor } from '../tensorData.js';
import { writeChunksAtomic } from './writeFileAtomic.js';

export interface WriteSafetensorsOptions {
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a safetensors file atomically, one tensor at a time.
 *
 * @throws ShapeError when an array does not fit its dtype and shape
 * @throws WeightError when a finite value is too large for F16 or BF16
 * @throws ConfigError when the file can't be written; nothing is left behind
 */
export async function writeSafetensors(
  path: string,
  tensors: TensorsByName,
  { metadata }: WriteSafetensorsOptions = {},
): Promise<void> {
  const byName = tensorMap(tensors);
  const { header, order } = layOutSafetensors(byName, metadata);
  await writeChunksAtomic(
    path,
    (function* () {
      yield header;
      for (const name of order) yield encodeTensor(name, byName.get(name)!);
    })(),
  );
}
