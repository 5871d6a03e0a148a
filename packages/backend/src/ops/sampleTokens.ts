import * as tf from '@tensorflow/tfjs';

/** Divides like a temperature of 0: all weight on the highest. */
export const LEAST_TEMPERATURE = 1e-20;

/** @see ComposedOps.sampleTokens */
export function sampleTokens(logits: tf.Tensor3D, draws: tf.Tensor1D, settings: tf.Tensor1D): tf.Tensor2D {
  const [rows, S, V] = logits.shape;
  return tf.tidy(() => {
    const [guidanceScale, temperature] = tf.split(settings, 2) as [tf.Tensor1D, tf.Tensor1D];
    const [conditional, unconditional] = tf.unstack(logits) as [tf.Tensor2D, tf.Tensor2D | undefined];
    let guided: tf.Tensor2D = conditional; // f32 [S, V]
    if (rows === 2) {
      const moved = tf.add(conditional, tf.mul(guidanceScale, tf.sub(conditional, unconditional!)));
      guided = tf.where(tf.equal(conditional, -Infinity), conditional, moved) as tf.Tensor2D;
    }
    const below = tf.sub(guided, tf.max(guided, 1, true)); // f32 [S, V]
    const logTotal = tf.log(tf.sum(tf.exp(below), 1)); // f32 [S]
    const weights = tf.exp(tf.div(below, tf.maximum(temperature, LEAST_TEMPERATURE)));
    const cumulative = tf.cumsum(weights, 1);
    const target = tf.mul(tf.reshape(draws, [S, 1]), tf.sum(weights, 1, true));
    const isPassed = tf.cast(tf.lessEqual(cumulative, target), 'float32');
    const tokens = tf.minimum(tf.sum(isPassed, 1), V - 1); // f32 [S]
    const isToken = tf.equal(tf.reshape(tokens, [S, 1]), tf.reshape(tf.range(0, V), [1, V]));
    const logProbability = tf.sub(tf.sum(tf.where(isToken, below, tf.zerosLike(below)), 1), logTotal);
    return tf.stack([tokens, logProbability], 1) as tf.Tensor2D;
  });
}
