import type { Backend } from '@muse/backend';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { headNames } from './heads.js';
import { IGNORED, type SceneLabels } from './reading.js';
import type { SceneLogits } from './sceneClassifier.js';

/**
 * Sum over the heads of their mean cross-entropy, over the pictures that a head applies to; a head that applies to none
 * adds 0. Differentiable in the logits.
 *
 * @param logits of B pictures
 * @param labels of the same, -1 where a head does not apply
 */
export function classifierLoss({ tf, ops }: Backend, logits: SceneLogits, labels: SceneLabels): Scalar {
  return tf.tidy(() => {
    const terms = headNames.map((head) => {
      const applies = Float32Array.from(labels[head], (label) => (label === IGNORED ? 0 : 1));
      const numApplies = applies.reduce((sum, x) => sum + x, 0);
      // An ignored row asks for class 0, and its weight is 0.
      const classes = Int32Array.from(labels[head], (label) => Math.max(label, 0));
      const perPicture = ops.crossEntropy(logits[head], tf.tensor1d(classes, 'int32')); // f32 [B]
      const sum = tf.sum(tf.mul(perPicture, tf.tensor1d(applies)));
      return tf.div(sum, Math.max(numApplies, 1)) as Tensor;
    });
    return tf.addN(terms) as Scalar;
  });
}
