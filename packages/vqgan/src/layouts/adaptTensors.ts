import { type Checkpoint, checkRows, type ParameterSpec, type TensorData } from '@muse/checkpoint';

export interface AdaptOptions {
  /** Values of a tensor that our structure has and upstream's has not, or undefined where it ought to have it. */
  readonly supply?: (spec: ParameterSpec) => Float32Array | undefined;
}

/**
 * A checkpoint, renamed already, with its tensors in the shapes of ours. A 1×1 convolution [O, I, 1, 1] is read as the matrix
 * [O, I]; one where ours is 3×3 gets zeros around it, which computes the same; what upstream lacks is supplied. All else,
 * surplus tensors too, is left for `loadParameters` to judge.
 */
export function adaptTensors(
  checkpoint: Checkpoint,
  specs: readonly ParameterSpec[],
  { supply }: AdaptOptions = {},
): Checkpoint {
  const names = new Set(checkpoint.names);
  const wanted = new Map(specs.map((spec) => [spec.name, spec]));
  const supplied = new Map<string, Float32Array>();
  for (const spec of specs) {
    const values = names.has(spec.name) ? undefined : supply?.(spec);
    if (values) supplied.set(spec.name, values);
  }
  /** Shape to be read as, where it is another than the file's and one that is known to compute the same. */
  const adapted = (name: string): readonly number[] | undefined => {
    const spec = wanted.get(name);
    if (!spec || supplied.has(name)) return undefined;
    const { shape } = checkpoint.info(name);
    const [O, I, kh, kw] = shape;
    const isPointwise = shape.length === 4 && kh === 1 && kw === 1 && spec.shape[0] === O && spec.shape[1] === I;
    const [, , wantedHeight, wantedWidth] = spec.shape;
    const isMatrix = spec.shape.length === 2;
    return isPointwise && (isMatrix || (wantedHeight === 3 && wantedWidth === 3)) ? spec.shape : undefined;
  };
  const read = async (name: string): Promise<TensorData> => {
    const values = supplied.get(name);
    if (values) return { dtype: 'F32', shape: wanted.get(name)!.shape, data: values };
    const tensor = await checkpoint.read(name);
    const shape = adapted(name);
    if (!shape) return tensor;
    if (shape.length === 2) return { ...tensor, shape };
    return { dtype: 'F32', shape, data: centred(tensor.data as Float32Array, shape) };
  };
  return {
    name: checkpoint.name,
    names: [...checkpoint.names, ...supplied.keys()],
    metadata: checkpoint.metadata,
    info(name) {
      const values = supplied.get(name);
      if (values) return { dtype: 'F32', shape: wanted.get(name)!.shape, sizeBytes: values.byteLength };
      const info = checkpoint.info(name);
      return { ...info, shape: adapted(name) ?? info.shape };
    },
    read,
    readBytes: (name, into, start) =>
      supplied.has(name) || adapted(name) ? undefined : checkpoint.readBytes?.(name, into, start),
    async readRows(name, start, count, into) {
      const values = supplied.get(name);
      const shape = values ? wanted.get(name)!.shape : adapted(name);
      if (!shape) return checkpoint.readRows(name, start, count, into);
      const rows = [count, ...shape.slice(1)];
      if (!values && shape.length === 2) {
        return { ...(await checkpoint.readRows(name, start, count, into)), shape: rows };
      }
      checkRows(checkpoint.name, name, shape[0]!, start, count);
      const width = shape.slice(1).reduce((product, size) => product * size, 1);
      const data = values
        ? values.slice(start * width, (start + count) * width)
        : centred((await checkpoint.readRows(name, start, count)).data as Float32Array, rows);
      into?.set(data);
      return { dtype: 'F32', shape: rows, data: into ?? data };
    },
    close: () => checkpoint.close(),
  };
}

/** Values of 1×1 kernels as the middles of 3×3 kernels. */
function centred(values: Float32Array, shape: readonly number[]): Float32Array {
  const out = new Float32Array(shape.reduce((product, size) => product * size, 1));
  for (let i = 0; i < values.length; i++) out[9 * i + 4] = values[i]!;
  return out;
}
