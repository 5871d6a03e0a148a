import * as tf from '@tensorflow/tfjs';

/** @see Ops.gelu — Hendrycks & Gimpel 2016, arXiv 1606.08415. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2)))));
}

/** @see Ops.geluTanh */
export function geluTanh(x: tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const cubic = tf.mul(tf.mul(tf.square(x), x), 0.044715);
    const inner = tf.mul(tf.add(x, cubic), Math.sqrt(2 / Math.PI));
    return tf.mul(tf.mul(x, 0.5), tf.add(1, tf.tanh(inner)));
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
  // Its own gradient, σ + y·(1 − σ), from the two tensors that are there anyway.
  const activate = tf.customGrad((...inputs: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const [input, save] = inputs as [tf.Tensor, tf.GradSaveFunc];
    const gate = tf.sigmoid(input);
    const value = tf.mul(input, gate);
    save([gate, value]);
    return {
      value,
      gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => {
        const [sigma, y] = saved as [tf.Tensor, tf.Tensor];
        return tf.mul(dy, tf.add(sigma, tf.mul(y, tf.sub(1, sigma))));
      },
    };
  });
  return activate(x);
}
