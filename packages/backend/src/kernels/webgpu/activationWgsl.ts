export type Activation = 'gelu' | 'geluTanh' | 'silu';

/**
 * `fn activate(x: T) -> T` on numbers or vectors. erf by Abramowitz and Stegun's 7.1.26, which is good to 1.5e-7, as in tfjs.
 *
 * @param type `f32` or `vec4<f32>`
 */
export function activationWgsl(activation: Activation, type: string): string {
  switch (activation) {
    case 'gelu':
      return /* wgsl */ `
fn activate(x: ${type}) -> ${type} {
  let z = abs(x) * 0.7071067811865476;
  let t = 1.0 / (1.0 + 0.3275911 * z);
  let tail = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t * exp(-z * z);
  return 0.5 * x * (1.0 + sign(x) * (1.0 - tail));
}`;
    case 'geluTanh':
      // tanh overflows in its exponentials on some devices beyond 44; it is 1 to the last bit beyond 10.
      return /* wgsl */ `
fn activate(x: ${type}) -> ${type} {
  let u = 0.7978845608028654 * (x + 0.044715 * x * x * x);
  return 0.5 * x * (1.0 + tanh(clamp(u, ${type}(-10.0), ${type}(10.0))));
}`;
    case 'silu':
      return /* wgsl */ `
fn activate(x: ${type}) -> ${type} {
  return x / (1.0 + exp(-x));
}`;
    default:
      return activation satisfies never;
  }
}
