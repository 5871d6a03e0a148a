import type { Tensor, TensorInfo } from '@tensorflow/tfjs';
import { float, int, MAX_WORKGROUPS, runKernel } from './runKernel.js';
import { SUM_OF_ALL, THREADS } from './sumOfAll.js';

export interface RowNormCall {
  /** f32 [M, D] */
  readonly x: TensorInfo;
  readonly sizes: { readonly M: number; readonly D: number };
  /** `layer` takes the mean off, `rms` does not. */
  readonly kind: 'layer' | 'rms';
  /** f32 [D] */
  readonly weight: TensorInfo;
  /** f32 [D] */
  readonly bias?: TensorInfo;
  readonly epsilon: number;
  /** f32 [B, D] each; row m belongs to b = m / rowsPerImage. */
  readonly modulation?: { readonly scale: TensorInfo; readonly shift: TensorInfo; readonly rowsPerImage: number };
}

/**
 * (x − mean) / √(variance + ε) · weight + bias, then · scale + shift, of each row. The variance is that of the centred numbers,
 * a second pass over the row: the mean of squares less the square of the mean loses digits.
 *
 * Bindings: result f32 [M, D], x, weight, then what is given. Dispatch: a workgroup a row.
 */
export function rowNorm({ x, sizes, kind, weight, bias, epsilon, modulation }: RowNormCall): Tensor {
  const { M, D } = sizes;
  const components = D % 4 === 0 ? 4 : 1;
  const columns = Math.min(M, MAX_WORKGROUPS);
  const input = (tensor: TensorInfo) => ({ tensor, components }) as const;
  return runKernel({
    key: ['museRowNorm', kind, components, bias ? 'bias' : '', modulation ? 'modulation' : ''].join('_'),
    inputs: {
      x: input(x),
      weight: input(weight),
      ...(bias && { bias: input(bias) }),
      ...(modulation && { scale: input(modulation.scale), shift: input(modulation.shift) }),
    },
    outputShape: [M, D],
    outputComponents: components,
    workgroups: [columns, Math.ceil(M / columns), 1],
    workgroupSize: [THREADS, 1, 1],
    uniforms: {
      M: int(M),
      D: int(D / components),
      width: float(D),
      epsilon: float(epsilon),
      rowsPerImage: int(modulation?.rowsPerImage ?? 1),
      columns: int(columns),
    },
    wgsl: rowNormWgsl({ kind, components, hasBias: bias !== undefined, hasModulation: modulation !== undefined }),
  });
}

interface WgslOptions {
  readonly kind: 'layer' | 'rms';
  readonly components: 1 | 4;
  readonly hasBias: boolean;
  readonly hasModulation: boolean;
}

function rowNormWgsl({ kind, components, hasBias, hasModulation }: WgslOptions): string {
  const squares = components === 4 ? 'dot(centred, centred)' : 'centred * centred';
  const zero = components === 4 ? 'vec4<f32>(0.0)' : '0.0';
  const add = components === 4 ? 'dot(x[start + i], vec4<f32>(1.0))' : 'x[start + i]';
  return /* wgsl */ `
${SUM_OF_ALL}
fn main() {
  let m = i32(workgroupId.y) * uniforms.columns + i32(workgroupId.x);
  let isInside = m < uniforms.M;
  let start = select(0, m, isInside) * uniforms.D;
  var mean = ${zero};
  ${
    kind === 'layer'
      ? /* wgsl */ `var sum = 0.0;
  for (var i = i32(localIndex); i < uniforms.D; i += ${THREADS}) { sum += ${add}; }
  mean += sumOfAll(sum) / uniforms.width;`
      : ''
  }
  var squares = 0.0;
  for (var i = i32(localIndex); i < uniforms.D; i += ${THREADS}) {
    let centred = x[start + i] - mean;
    squares += ${squares};
  }
  let slope = inverseSqrt(sumOfAll(squares) / uniforms.width + uniforms.epsilon);
  if (!isInside) { return; }
  ${hasModulation ? 'let image = m / uniforms.rowsPerImage * uniforms.D;' : ''}
  for (var i = i32(localIndex); i < uniforms.D; i += ${THREADS}) {
    var y = (x[start + i] - mean) * slope * weight[i];
    ${hasBias ? 'y += bias[i];' : ''}
    ${hasModulation ? 'y = y * scale[image + i] + shift[image + i];' : ''}
    result[start + i] = y;
  }
}`;
}
