import { WeightError } from '@muse/backend';
import { layOutSafetensors } from '../encodeSafetensors.js';
import { memoryShape, type ParameterSpec, type Parameters, toFilePermutation } from '../parameters.js';
import { permute } from '../permute.js';
import { checkFinite } from '../readFloats.js';
import { type DType, encodeTensor } from '../tensorData.js';
import { writeChunksAtomic } from './writeFileAtomic.js';

export interface SaveParametersOptions {
  /** Storage of the float tensors; int32 tensors are stored as I32. Default F32. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly metadata?: Readonly<Record<string, string>>;
}

/**
 * Writes a model's parameters in file layout, atomically, reading one tensor at a time from the device. F16 and BF16 round
 * to nearest, ties to even.
 *
 * @throws WeightError that lists tensors which are missing, surplus or misshapen; or names one with a NaN, an infinity or a
 *   value too large for F16
 * @throws ConfigError when the file can't be written; nothing is left behind
 */
export async function saveParameters(
  path: string,
  parameters: Parameters,
  specs: readonly ParameterSpec[],
  { dtype = 'F32', metadata }: SaveParametersOptions = {},
): Promise<void> {
  checkParameters(path, parameters, specs);
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const fileDtype = (spec: ParameterSpec): DType => (spec.dtype === 'int32' ? 'I32' : dtype);
  const infos = new Map(specs.map((spec) => [spec.name, { dtype: fileDtype(spec), shape: spec.shape }]));
  const { header, order } = layOutSafetensors(infos, metadata);
  await writeChunksAtomic(
    path,
    (async function* () {
      yield header;
      for (const name of order) {
        const spec = byName.get(name)!;
        const values = (await parameters.get(name)!.data()) as Float32Array | Int32Array;
        if (values instanceof Float32Array) checkFinite('', name, values, 0, spec.shape);
        const axes = toFilePermutation(spec.layout);
        const data = axes ? permute(values, memoryShape(spec), axes) : values;
        yield encodeTensor(name, { dtype: fileDtype(spec), shape: spec.shape, data });
      }
    })(),
  );
}

function checkParameters(path: string, parameters: Parameters, specs: readonly ParameterSpec[]): void {
  const wrong: string[] = [];
  const surplus = new Set(parameters.keys());
  for (const spec of specs) {
    surplus.delete(spec.name);
    const tensor = parameters.get(spec.name);
    const shape = memoryShape(spec);
    const dtype = spec.dtype ?? 'float32';
    if (!tensor) wrong.push(`${spec.name} is missing`);
    else if (tensor.shape.join() !== shape.join() || tensor.dtype !== dtype) {
      wrong.push(
        `${spec.name} expected ${dtype} [${shape.join(', ')}], got ${tensor.dtype} [${tensor.shape.join(', ')}]`,
      );
    }
  }
  for (const name of surplus) wrong.push(`${name} is surplus`);
  if (wrong.length > 0) {
    throw new WeightError(
      { package: 'checkpoint', in: 'saveParameters' },
      `${path}: expected the ${specs.length} tensors of the model, got:\n  ${wrong.join('\n  ')}`,
    );
  }
}
