import type { Backend } from '@muse/backend';
import type { Scalar, Tensor } from '@tensorflow/tfjs';

/**
 * `hinge`: Lim & Ye 2017, arXiv 1705.02894, as in taming-transformers.
 * `non-saturating`: Goodfellow et al. 2014, arXiv 1406.2661, as in MaskGIT.
 */
export type AdversarialKind = 'hinge' | 'non-saturating';

/** What the generator minimises: −mean D(fake), or mean softplus(−D(fake)). @param fakeLogits f32 [B, h, w, 1] */
export function generatorAdversarialLoss({ tf }: Backend, kind: AdversarialKind, fakeLogits: Tensor): Scalar {
  return tf.tidy(() => {
    const negated = tf.neg(fakeLogits);
    return tf.mean(kind === 'hinge' ? negated : tf.softplus(negated)) as Scalar;
  });
}

/**
 * What the discriminator minimises: ½ (mean relu(1 − D(real)) + mean relu(1 + D(fake))), or the mean softplus of
 * −D(real) and D(fake), halved likewise.
 *
 * @param realLogits f32 [B, h, w, 1]
 * @param fakeLogits f32 [B, h, w, 1]
 */
export function discriminatorAdversarialLoss(
  { tf }: Backend,
  kind: AdversarialKind,
  realLogits: Tensor,
  fakeLogits: Tensor,
): Scalar {
  return tf.tidy(() => {
    const penalty = (x: Tensor) => tf.mean(kind === 'hinge' ? tf.relu(tf.add(x, 1)) : tf.softplus(x));
    return tf.mul(tf.add(penalty(tf.neg(realLogits)), penalty(fakeLogits)), 0.5) as Scalar;
  });
}
