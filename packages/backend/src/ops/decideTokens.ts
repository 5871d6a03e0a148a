import * as tf from '@tensorflow/tfjs';

/** @see ComposedOps.maskedPositions */
export function maskedPositions(tokenIds: tf.Tensor2D, maskTokenId: number, count: number): tf.Tensor2D {
  const [, S] = tokenIds.shape;
  return tf.tidy(() => {
    const isMasked = tf.cast(tf.equal(tokenIds, maskTokenId), 'int32');
    const rank = tf.add(tf.mul(isMasked, S), tf.range(S - 1, -1, -1, 'int32')); // i32 [B, S], no two of a row alike
    return tf.topk(tf.cast(rank, 'float32'), count).indices as tf.Tensor2D;
  });
}

export interface DecideTensors {
  /** f32 [3, B, S]: of each position its token, its candidate, the logarithm of the candidate's probability. */
  readonly state: tf.Tensor3D;
  /** f32 [B, M, 2]: tokens and log-probabilities of `maskedPositions`, in its order. */
  readonly drawn: tf.Tensor3D;
  /** f32 [B, S] */
  readonly noise: tf.Tensor2D;
  /** f32 [B, 3]: the factor on log-probabilities; how many positions are decided; the temperature of the noise. */
  readonly choice: tf.Tensor2D;
}

/** @see ComposedOps.decideTokens */
export function decideTokens({ state, drawn, noise, choice }: DecideTensors, maskTokenId: number): tf.Tensor3D {
  const [B, M] = drawn.shape;
  const [, , S] = state.shape;
  return tf.tidy(() => {
    const [tokens, candidates, logProbability] = tf.unstack(state) as tf.Tensor2D[]; // f32 [B, S] each
    const [weight, numDecided] = tf.split(choice, 3, 1); // f32 [B, 1]
    const isMasked = tf.equal(tokens!, maskTokenId);
    const before = tf.cumsum(tf.cast(isMasked, 'float32'), 1, true); // f32 [B, S]
    const firsts = tf.mul(tf.reshape(tf.range(0, B), [B, 1]), M);
    const places = tf.cast(tf.add(tf.minimum(before, M - 1), firsts), 'int32');
    const fresh = tf.gather(tf.reshape(drawn, [B * M, 2]), places); // f32 [B, S, 2]
    const [token, freshLog] = tf.unstack(fresh, 2) as [tf.Tensor2D, tf.Tensor2D];
    const score = tf.add(tf.mul(freshLog, weight!), noise);
    const [own, other] = [tf.reshape(score, [B, S, 1]), tf.reshape(score, [B, 1, S])];
    const isEarlier = tf.less(tf.reshape(tf.range(0, S), [1, 1, S]), tf.reshape(tf.range(0, S), [1, S, 1]));
    const isBetter = tf.logicalOr(tf.greater(other, own), tf.logicalAnd(tf.equal(other, own), isEarlier));
    const isRival = tf.logicalAnd(isBetter, tf.reshape(isMasked, [B, 1, S])); // [B, S, S]
    const numBetter = tf.sum(tf.cast(isRival, 'float32'), 2);
    const isDecided = tf.logicalAnd(isMasked, tf.less(numBetter, numDecided!));
    const candidate = tf.where(isMasked, tf.where(tf.less(candidates!, 0), tf.fill([B, S], -1), token), candidates!);
    const parts = [tf.where(isDecided, candidate, tokens!), candidate, tf.where(isMasked, freshLog, logProbability!)];
    return tf.stack(parts) as tf.Tensor3D;
  });
}
