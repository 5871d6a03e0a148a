import type { DeviceName } from '@muse/backend';

/** A value is close when |actual − expected| ≤ absolute + relative·|expected|. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/**
 * How far one op may be from the exact result, by device; docs/numerics.md says why. All compute in f32, with a unit
 * roundoff of 6e-8: what differs is the order of sums and the approximation of exp, erf and tanh.
 */
export const tolerances: Readonly<Record<DeviceName, Tolerance>> = {
  /** Reference order of sums, exact libm functions rounded to f32. */
  cpu: { absolute: 4e-6, relative: 4e-6 },
  /** XNNPACK; polynomial exp. */
  wasm: { absolute: 4e-6, relative: 4e-6 },
  /** oneDNN and Eigen; polynomial exp and erf, and a tanh whose tails are off by 2e-7, which GELU multiplies by x². */
  tensorflow: { absolute: 8e-6, relative: 4e-6 },
  /** WGSL allows 3 + 2·|x| units in the last place for exp; erf by a formula good to 1.5e-7. */
  webgpu: { absolute: 1e-5, relative: 1e-5 },
};
