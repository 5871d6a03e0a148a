import * as tf from '@tensorflow/tfjs';

/** tfjs's number of the product with small tiles (webgpu_util.MatMulProgramType). */
const SMALL_OUTPUT_PROGRAM = 2;
/** tfjs splits the sum of one product with a long inner axis and few 32 × 32 tiles between workgroups … */
const SPLIT_FROM_INNER_SIZE = 2000;
const SPLIT_TO_NUM_TILES = 32;
/** … and up to this many outputs it takes a reduction, whose order is fixed. */
const REDUCED_TO_NUM_OUTPUTS = 128;

/**
 * BatchMatMul and _FusedMatMul with the same bits in every run. Where tfjs would split a sum between workgroups, which
 * add their shares by float atomics in any order, this takes the program with small tiles.
 */
export function deterministicMatMul(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { a, b } = call.inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
    const { transposeA, transposeB } = call.attrs as unknown as { transposeA: boolean; transposeB: boolean };
    const [M, K] = transposeA ? [a.shape.at(-1)!, a.shape.at(-2)!] : [a.shape.at(-2)!, a.shape.at(-1)!];
    const N = b.shape.at(transposeB ? -2 : -1)!;
    const wouldSplit =
      K >= SPLIT_FROM_INNER_SIZE &&
      M * N > REDUCED_TO_NUM_OUTPUTS &&
      Math.ceil(M / 32) * Math.ceil(N / 32) <= SPLIT_TO_NUM_TILES;
    const flag = 'WEBGPU_MATMUL_PROGRAM_TYPE';
    const before = tf.env().getNumber(flag);
    if (!wouldSplit || before >= 0) return original!(call);
    tf.env().set(flag, SMALL_OUTPUT_PROGRAM);
    try {
      return original!(call);
    } finally {
      tf.env().set(flag, before);
    }
  };
}
