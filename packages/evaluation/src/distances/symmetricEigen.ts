import { MuseError, ShapeError } from '@muse/backend';

export interface SymmetricEigen {
  /** f64 [d], in no order. */
  readonly values: Float64Array;
  /** f64 [d · d]: row i is the unit eigenvector of `values[i]`. */
  readonly vectors: Float64Array;
}

/** A sweep squares what is left off the diagonal, so that some ten do for any matrix. */
const MAX_SWEEPS = 60;

/**
 * Eigen-decomposition of a real symmetric matrix by cyclic Jacobi rotations (Golub & Van Loan, Matrix Computations, 8.5):
 * slower than tridiagonal methods and as exact as there is, small eigenvalues too. Only the upper triangle is read.
 *
 * @param matrix f64 [d · d], left as it is
 * @throws ShapeError when there are not d · d values; MuseError for values that are not finite
 */
export function symmetricEigen(matrix: Float64Array): SymmetricEigen {
  const place = { package: 'evaluation', in: 'symmetricEigen' };
  const d = Math.sqrt(matrix.length);
  if (!Number.isInteger(d) || d < 1) throw new ShapeError(place, `expected d · d values, got ${matrix.length}`);
  if (!matrix.every(Number.isFinite)) throw new MuseError(place, 'expected finite values, got others');
  const a = matrix.slice();
  for (let i = 0; i < d; i++) for (let j = 0; j < i; j++) a[i * d + j] = a[j * d + i]!;
  const vectors = new Float64Array(d * d);
  for (let i = 0; i < d; i++) vectors[i * d + i] = 1;
  const least = Number.EPSILON * 1e-3 * Math.sqrt(a.reduce((sum, x) => sum + x * x, 0));
  for (let sweep = 0; offDiagonal(a, d) > least; sweep++) {
    if (sweep === MAX_SWEEPS) throw new MuseError(place, `expected ${MAX_SWEEPS} sweeps to do, got no diagonal`);
    for (let p = 0; p < d; p++) for (let q = p + 1; q < d; q++) rotate(a, vectors, d, p, q);
  }
  return { values: Float64Array.from({ length: d }, (_, i) => a[i * d + i]!), vectors };
}

/** Frobenius norm of the part above the diagonal. */
function offDiagonal(a: Float64Array, d: number): number {
  let sum = 0;
  for (let i = 0; i < d; i++) for (let j = i + 1; j < d; j++) sum += a[i * d + j]! ** 2;
  return Math.sqrt(sum);
}

/** Makes a[p, q] zero by a rotation of the plane (p, q): a ← JᵀaJ, and the same of the vectors. */
function rotate(a: Float64Array, vectors: Float64Array, d: number, p: number, q: number): void {
  const apq = a[p * d + q]!;
  if (apq === 0) return;
  const tau = (a[q * d + q]! - a[p * d + p]!) / (2 * apq);
  const t = (tau >= 0 ? 1 : -1) / (Math.abs(tau) + Math.hypot(1, tau));
  const c = 1 / Math.hypot(1, t);
  const s = t * c;
  for (let k = 0; k < d; k++) {
    const [kp, kq] = [a[k * d + p]!, a[k * d + q]!];
    a[k * d + p] = c * kp - s * kq;
    a[k * d + q] = s * kp + c * kq;
  }
  turnRows(a, d, p, q, c, s);
  turnRows(vectors, d, p, q, c, s);
  // What is zero but for rounding.
  a[p * d + q] = 0;
  a[q * d + p] = 0;
}

function turnRows(a: Float64Array, d: number, p: number, q: number, c: number, s: number): void {
  for (let k = 0; k < d; k++) {
    const [pk, qk] = [a[p * d + k]!, a[q * d + k]!];
    a[p * d + k] = c * pk - s * qk;
    a[q * d + k] = s * pk + c * qk;
  }
}

/**
 * The symmetric square root of a positive semi-definite matrix: Σ √λᵢ·vᵢvᵢᵀ. Eigenvalues below 0, which rounding makes
 * of 0, count as 0.
 *
 * @param matrix f64 [d · d], symmetric
 */
export function symmetricSqrt(matrix: Float64Array): Float64Array {
  const { values, vectors } = symmetricEigen(matrix);
  const d = values.length;
  const root = new Float64Array(d * d);
  for (let e = 0; e < d; e++) {
    const scale = Math.sqrt(Math.max(values[e]!, 0));
    if (scale === 0) continue;
    for (let i = 0; i < d; i++) {
      const row = scale * vectors[e * d + i]!;
      for (let j = 0; j < d; j++) root[i * d + j]! += row * vectors[e * d + j]!;
    }
  }
  return root;
}
