import * as tf from '@tensorflow/tfjs';
import type { BasicOps } from '../../ops/ops.js';
import { referenceOps } from '../../ops/referenceOps.js';
import { type Attribute, runOpForAll, TfDataType } from '../../tensorflow/eager.js';

/**
 * Group norm of one image by TensorFlow's FusedBatchNormV3, whose two passes over memory take the place of six: the first for
 * the statistics of each channel, from which those of a group follow, the second to apply them. Several images, whose
 * statistics a batch norm would mix, and what a gradient is recorded of, are the reference's.
 */
export const groupNorm: BasicOps['groupNorm'] = (x, weight, bias, numGroups, epsilon = 1e-6) => {
  const [B, H, W, C] = x.shape;
  if (B !== 1 || H * W < 2 || tf.engine().isTapeOn()) {
    return referenceOps.groupNorm(x, weight, bias, numGroups, epsilon);
  }
  return tf.tidy(() => {
    const none = tf.zeros([0]);
    const [images, means, corrected] = batchNorm([x, weight, bias, none, none], epsilon, true);
    images!.dispose(); // as large as x, and of no use
    const groups = (perChannel: tf.Tensor) => tf.reshape(perChannel, [numGroups, C / numGroups]);
    const mean = tf.mean(groups(means!), 1, true); // f32 [groups, 1]
    // Of a group: the mean of its channels' variances (what comes back is Bessel's) and of their means' squared distances.
    const within = tf.mul(groups(corrected!), (H * W - 1) / (H * W));
    const variance = tf.mean(tf.add(within, tf.squaredDifference(groups(means!), mean)), 1, true);
    const perChannel = (perGroup: tf.Tensor) => tf.reshape(tf.tile(perGroup, [1, C / numGroups]), [C]);
    const inputs = [x, weight, bias, perChannel(mean), perChannel(variance)];
    return batchNorm(inputs, epsilon, false)[0] as tf.Tensor4D;
  });
};

/** @returns the normed images, f32 [B, H, W, C], and each channel's mean and variance, f32 [C], of the batch or as given */
function batchNorm(inputs: tf.Tensor[], epsilon: number, isTraining: boolean): tf.Tensor[] {
  const attributes: Attribute[] = [
    ['T', 'TYPE', TfDataType.float32],
    ['U', 'TYPE', TfDataType.float32],
    ['epsilon', 'FLOAT', epsilon],
    ['exponential_avg_factor', 'FLOAT', 1],
    ['data_format', 'STRING', 'NHWC'],
    ['is_training', 'BOOL', isTraining],
  ];
  return runOpForAll('FusedBatchNormV3', attributes, inputs, 6);
}
