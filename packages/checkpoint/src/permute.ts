/**
 * Reorders the axes of a row-major array, on the host: on a device a transpose would need a second buffer as large,
 * which tfjs's WebGPU backend never gives back.
 *
 * @param shape of `values`
 * @param axes out axis i is `values`' axis `axes[i]`, as in `tf.transpose`
 */
export function permute<T extends Float32Array | Int32Array>(
  values: T,
  shape: readonly number[],
  axes: readonly number[],
): T {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  const sizes = axes.map((axis) => shape[axis]!);
  const steps = axes.map((axis) => strides[axis]!);
  const innerSize = sizes.at(-1) ?? 1;
  const innerStep = steps.at(-1) ?? 1;
  const out = values.slice() as T;
  const place = new Array<number>(Math.max(0, sizes.length - 1)).fill(0);
  let from = 0;
  for (let to = 0; to < out.length; to += innerSize) {
    for (let i = 0; i < innerSize; i++) out[to + i] = values[from + i * innerStep]!;
    // The next place of the outer axes, as an odometer counts.
    for (let axis = place.length - 1; axis >= 0; axis--) {
      place[axis]! += 1;
      from += steps[axis]!;
      if (place[axis]! < sizes[axis]!) break;
      from -= steps[axis]! * sizes[axis]!;
      place[axis] = 0;
    }
  }
  return out;
}
