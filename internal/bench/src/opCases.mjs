// Each op at the sizes of the bundled model, for a batch of a conditional and an unconditional row; then whole decoders.
import { decoderCases } from './decoderCases.mjs';

const [B, S, T, D, N, F, V] = [2, 64, 24, 256, 4, 1024, 1024];

/** @returns {{ name: string, inputs: import('@tensorflow/tfjs').Tensor[], run: Function, isForwardOnly?: boolean }[]} */
export function opCases(backend) {
  const { tf, ops } = backend;
  const random = (...shape) => tf.randomNormal(shape, 0, 1, 'float32', 1);
  const ids = tf.randomUniform([B * S], 0, V, 'int32', 1);
  const attention = (q, k, v) => ops.attention(q, k, v, { numHeads: N });
  return [
    { name: 'linear 256 → 1024', inputs: [random(B, S, D), random(D, F), random(F)], run: ops.linear },
    { name: 'attention 64 × 64', inputs: [random(B, S, D), random(B, S, D), random(B, S, D)], run: attention },
    { name: 'attention 64 × 24', inputs: [random(B, S, D), random(B, T, D), random(B, T, D)], run: attention },
    { name: 'layerNorm 256', inputs: [random(B, S, D), random(D)], run: (x, w) => ops.layerNorm(x, w) },
    { name: 'rmsNorm 256', inputs: [random(B, T, D), random(D)], run: (x, w) => ops.rmsNorm(x, w) },
    { name: 'gelu 1024', inputs: [random(B, S, F)], run: ops.gelu },
    {
      name: 'groupNorm + silu 64²·32',
      inputs: [random(B, 64, 64, 32), random(32), random(32)],
      run: (x, w, b) => ops.silu(ops.groupNorm(x, w, b, 8)),
    },
    {
      name: 'conv 3×3 32²·64',
      inputs: [random(B, 32, 32, 64), random(3, 3, 64, 64), random(64)],
      run: (x, w, b) => ops.conv2d(x, w, b),
    },
    { name: 'upsample ×2 32²·64', inputs: [random(B, 32, 32, 64)], run: (x) => ops.upsampleNearest(x, 2) },
    { name: 'embedding 1024 × 256', inputs: [random(V, D)], run: (table) => ops.embedding(table, ids) },
    { name: 'cross-entropy 1024', inputs: [random(B * S, V)], run: (x) => ops.crossEntropy(x, ids, 0.1) },
    {
      name: 'transformer layer 256',
      inputs: [random(B, S, D), random(D), random(D, D), random(D, F), random(F, D)],
      run: (x, norm, square, up, down) => {
        const weights = { query: square, key: square, value: square };
        const attended = ops.selfAttention(ops.layerNorm(x, norm), weights, { numHeads: N });
        const y = ops.fusedLinear(attended, square, { residual: x });
        const hidden = ops.fusedLinear(ops.layerNorm(y, norm), up, { activation: 'gelu' });
        return ops.fusedLinear(hidden, down, { residual: y });
      },
    },
    {
      name: 'decoder block 32²·64',
      inputs: [random(1, 32, 32, 64), random(64), random(3, 3, 64, 64)],
      run: (x, scale, filter) => {
        const norm = { weight: scale, bias: scale, numGroups: 8 };
        const hidden = ops.normSiluConv2d(x, norm, filter, { bias: scale });
        return ops.upsampleConv2d(
          ops.normSiluConv2d(hidden, norm, filter, { bias: scale, residual: x }),
          filter,
          scale,
        );
      },
    },
    {
      name: 'groupNorm 128²·128, one image',
      inputs: [random(1, 128, 128, 128), random(128), random(128)],
      run: (x, w, b) => ops.groupNorm(x, w, b, 32),
    },
    ...decoderCases(backend),
  ];
}
