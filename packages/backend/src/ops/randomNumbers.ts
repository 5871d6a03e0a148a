import * as tf from '@tensorflow/tfjs';
import { gumbel, type RandomStream, uniform } from '../random/draws.js';
import { streamsOf } from '../random/streamWords.js';

/** @see ComposedOps.uniformNumbers */
export function uniformNumbers(streams: tf.Tensor2D, length: number): tf.Tensor2D {
  return drawn(streams, length, (stream) => uniform(stream, length));
}

export interface NoiseTensors {
  /** i32 [B, 4], of `streamWords`: a stream of each image. */
  readonly streams: tf.Tensor2D;
  /** f32 [S]: what the scores of positions begin with. */
  readonly baseScores: tf.Tensor1D;
  /** f32 [B, 3], as `decideTokens` takes it; the last is the temperature. */
  readonly choice: tf.Tensor2D;
}

/** @see ComposedOps.choiceNoise */
export function choiceNoise({ streams, baseScores, choice }: NoiseTensors): tf.Tensor2D {
  const [S] = baseScores.shape;
  return tf.tidy(() => {
    const temperature = tf.slice(choice, [0, 2], [-1, 1]); // f32 [B, 1]
    const noise = drawn(streams, S, (stream) => gumbel(stream, S));
    return tf.add(baseScores, tf.mul(temperature, noise));
  });
}

/** Made on the host, as draws are: it reads the streams. */
function drawn(streams: tf.Tensor2D, length: number, draw: (stream: RandomStream) => Float64Array): tf.Tensor2D {
  const rows = streamsOf(streams.dataSync() as Int32Array);
  const values = new Float32Array(rows.length * length);
  rows.forEach((stream, row) => {
    values.set(draw(stream), row * length);
  });
  return tf.tensor2d(values, [rows.length, length]);
}
