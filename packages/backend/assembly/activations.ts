import { exp4 } from './simd';

export const GELU: i32 = 1;
export const GELU_TANH: i32 = 2;
export const SILU: i32 = 3;

export function activate(activation: i32, x: v128): v128 {
  if (activation === GELU) return gelu(x);
  if (activation === GELU_TANH) return geluTanh(x);
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

/** x·Φ(x), with erf to 1.5·10⁻⁷ (Abramowitz & Stegun 7.1.26). */
function gelu(x: v128): v128 {
  const one = f32x4.splat(1);
  const z = f32x4.mul(f32x4.abs(x), f32x4.splat(<f32>Math.SQRT1_2));
  const t = f32x4.div(one, f32x4.add(one, f32x4.mul(z, f32x4.splat(0.3275911))));
  let p = f32x4.splat(1.061405429);
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-1.453152027));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.421413741));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.284496736));
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.254829592));
  // ½·(1 − erf z): the tail beyond |x|
  const tail = f32x4.mul(f32x4.mul(p, t), f32x4.mul(exp4(f32x4.neg(f32x4.mul(z, z))), f32x4.splat(0.5)));
  const isNegative = f32x4.lt(x, f32x4.splat(0));
  return f32x4.mul(x, v128.bitselect(tail, f32x4.sub(one, tail), isNegative));
}

/** x·½(1 + tanh u) = x / (1 + e⁻²ᵘ), u = √(2/π)·(x + 0.044715·x³) */
function geluTanh(x: v128): v128 {
  const slope = f32x4.add(
    f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.0713548162726009)),
    f32x4.splat(-1.5957691216057308),
  );
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.mul(x, slope))));
}
