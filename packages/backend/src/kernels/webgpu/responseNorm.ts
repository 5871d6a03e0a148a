import * as tf from '@tensorflow/tfjs';
import { applySlopes } from './groupNorm.js';
import { float, int, runKernel } from './runKernel.js';
import { SUM_OF_ALL, THREADS } from './sumOfAll.js';

/**
 * x·(n·γ + 1) + β with n a channel's length over the grid, relative to the mean length of the channels. Three dispatches:
 * squared lengths f32 [B, F], slopes f32 [B, 2, F], the result.
 *
 * @param x f32 [B, S, F] @param gamma f32 [F] @param beta f32 [F]
 * @returns f32 [B·S, F]
 */
export function responseNorm(x: tf.TensorInfo, gamma: tf.TensorInfo, beta: tf.TensorInfo, epsilon: number): tf.Tensor {
  const [B, S, F] = x.shape as [number, number, number];
  const input = (tensor: tf.TensorInfo) => ({ tensor, components: 1 }) as const;
  return tf.tidy(() => {
    const squares = runKernel({
      key: 'museChannelSquares',
      inputs: { x: input(x) },
      outputShape: [B, F],
      outputComponents: 1,
      workgroups: [Math.ceil(F / THREADS), B, 1],
      workgroupSize: [THREADS, 1, 1],
      uniforms: { S: int(S), F: int(F) },
      wgsl: CHANNEL_SQUARES,
    });
    const slopes = runKernel({
      key: 'museResponseSlopes',
      inputs: { squares: input(squares), gamma: input(gamma), beta: input(beta) },
      outputShape: [B, 2, F],
      outputComponents: 1,
      workgroups: [B, 1, 1],
      workgroupSize: [THREADS, 1, 1],
      uniforms: { F: int(F), epsilon: float(epsilon) },
      wgsl: RESPONSE_SLOPES,
    });
    return applySlopes(x, slopes, { B, numPixels: S, C: F });
  });
}

const CHANNEL_SQUARES = /* wgsl */ `
fn main() {
  let c = i32(workgroupId.x) * ${THREADS} + i32(localIndex);
  if (c >= uniforms.F) { return; }
  let image = i32(workgroupId.y);
  var sum = 0.0;
  for (var s = 0; s < uniforms.S; s++) {
    let value = x[(image * uniforms.S + s) * uniforms.F + c];
    sum += value * value;
  }
  result[image * uniforms.F + c] = sum;
}`;

const RESPONSE_SLOPES = /* wgsl */ `
${SUM_OF_ALL}
fn main() {
  let image = i32(workgroupId.x);
  var sum = 0.0;
  for (var c = i32(localIndex); c < uniforms.F; c += ${THREADS}) { sum += sqrt(squares[image * uniforms.F + c]); }
  let mean = sumOfAll(sum) / f32(uniforms.F);
  for (var c = i32(localIndex); c < uniforms.F; c += ${THREADS}) {
    let relative = sqrt(squares[image * uniforms.F + c]) / (mean + uniforms.epsilon);
    result[image * 2 * uniforms.F + c] = relative * gamma[c] + 1.0;
    result[(image * 2 + 1) * uniforms.F + c] = beta[c];
  }
}`;
