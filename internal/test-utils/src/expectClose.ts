import type { Tensor } from '@tensorflow/tfjs';
import type { Tolerance } from './tolerances.js';

type Numbers = ArrayLike<number>;

/**
 * Compares value by value and says where the worst one is. Both sides NaN at the same place are equal.
 *
 * @param tolerance a number is an absolute tolerance
 */
export function expectClose(actual: Numbers, expected: Numbers, tolerance: Tolerance | number, what = 'values'): void {
  const { absolute, relative } = typeof tolerance === 'number' ? { absolute: tolerance, relative: 0 } : tolerance;
  if (actual.length !== expected.length) {
    throw new Error(`${what}: expected ${expected.length} numbers, got ${actual.length}`);
  }
  let worst = { index: -1, excess: 0 };
  for (let index = 0; index < expected.length; index++) {
    const [got, wanted] = [actual[index]!, expected[index]!];
    if (Object.is(got, wanted) || got === wanted) continue;
    const excess = Math.abs(got - wanted) - (absolute + relative * Math.abs(wanted));
    // NaN compares false with everything, so the test is for what is close, not for what is far.
    if (!(excess <= worst.excess)) worst = { index, excess: Number.isNaN(excess) ? Number.POSITIVE_INFINITY : excess };
  }
  if (worst.index < 0) return;
  const { index, excess } = worst;
  throw new Error(
    `${what}: at index ${index} expected ${expected[index]}, got ${actual[index]}, ${excess} beyond the tolerance ` +
      `(absolute ${absolute}, relative ${relative})`,
  );
}

/** `expectClose` for a tensor, with its shape. Leaves the tensor to the caller. */
export async function expectTensorClose(
  actual: Tensor,
  expected: { readonly shape: readonly number[]; readonly data: Numbers },
  tolerance: Tolerance | number,
  what = 'values',
): Promise<void> {
  if (String(actual.shape) !== String(expected.shape)) {
    throw new Error(`${what}: expected shape [${expected.shape}], got [${actual.shape}]`);
  }
  expectClose(await actual.data(), expected.data, tolerance, what);
}
