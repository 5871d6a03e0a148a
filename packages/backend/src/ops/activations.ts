import * as tf from '@tensorflow/tfjs';
import { differentiable } from './differentiable.js';

const INVERSE_SQRT_TWO_PI = 1 / Math.sqrt(2 * Math.PI);
/** Of GELU's tanh approximation: u = TANH_SCALE·(x + TANH_CUBIC·x³). */
export const TANH_SCALE = Math.sqrt(2 / Math.PI);
export const TANH_CUBIC = 0.044715;

/** @see Ops.gelu — Hendrycks & Gimpel 2016, arXiv 1606.08415. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return differentiable({
    inputs: { x },
    forward(save) {
      const cdf = tf.add(tf.mul(tf.erf(tf.mul(x, Math.SQRT1_2)), 0.5), 0.5); // Φ(x)
      save([x, cdf]);
      return tf.mul(x, cdf);
    },
    // (x·Φ)′ = Φ + x·φ
    backward: (dy, [input, cdf]) => ({
      x() {
        const pdf = tf.mul(tf.exp(tf.mul(tf.square(input!), -0.5)), INVERSE_SQRT_TWO_PI);
        return tf.mul(dy, tf.add(cdf!, tf.mul(input!, pdf)));
      },
    }),
  });
}

/** @see Ops.geluTanh */
export function geluTanh(x: tf.Tensor): tf.Tensor {
  return differentiable({
    inputs: { x },
    forward(save) {
      const slope = tf.add(tf.mul(tf.square(x), TANH_SCALE * TANH_CUBIC), TANH_SCALE);
      const gate = tf.add(tf.mul(tf.tanh(tf.mul(x, slope)), 0.5), 0.5); // ½(1 + tanh u)
      save([x, gate]);
      return tf.mul(x, gate);
    },
    // gate′ = ½(1 − tanh² u)·u′ = 2·gate·(1 − gate)·u′
    backward: (dy, [input, gate]) => ({
      x() {
        const du = tf.add(tf.mul(tf.square(input!), 6 * TANH_SCALE * TANH_CUBIC), 2 * TANH_SCALE); // 2u′
        const dGate = tf.mul(tf.mul(gate!, tf.sub(1, gate!)), du);
        return tf.mul(dy, tf.add(gate!, tf.mul(input!, dGate)));
      },
    }),
  });
}

/** @see Ops.geglu — Shazeer 2020, arXiv 2002.05202. */
export function geglu(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const [value, gate] = tf.split(x, 2, x.rank - 1) as [tf.Tensor, tf.Tensor];
    return tf.mul(value, gelu(gate));
  });
}

/** @see Ops.silu */
export function silu(x: tf.Tensor): tf.Tensor {
  return differentiable({
    inputs: { x },
    forward(save) {
      const gate = tf.sigmoid(x);
      const y = tf.mul(x, gate);
      save([y, gate]);
      return y;
    },
    // (x·s)′ = s + x·s·(1 − s) = s + y·(1 − s)
    backward: (dy, [y, gate]) => ({
      x: () => tf.mul(dy, tf.add(gate!, tf.mul(y!, tf.sub(1, gate!)))),
    }),
  });
}
