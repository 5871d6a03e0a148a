import type { Tensor4D } from '@tensorflow/tfjs';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';

/** Pictures that go through the network in one pass. */
const BATCH = 20;

/**
 * What the distance of distributions is taken in: the activations of the network's last stage, averaged over its grid, as
 * FID takes Inception's last average pool. Of the bundled classifier these are 128 numbers a picture. Convolutions take
 * pictures of any size, so fine pictures need not be reduced; numbers of different sizes are not comparable.
 *
 * @param pictures f32 [side · side · 3] each, RGB in [0, 1], side a multiple of 2 per stage
 * @returns f32 [pictures · channels]
 */
export async function pooledFeatures(
  classifier: SceneClassifier,
  pictures: readonly Float32Array[],
  side: number,
): Promise<Float32Array> {
  const { backend } = classifier;
  const { tf } = backend;
  const channels = classifier.config.stageChannels.at(-1)!;
  const pooled = new Float32Array(pictures.length * channels);
  for (let first = 0; first < pictures.length; first += BATCH) {
    const batch = pictures.slice(first, first + BATCH);
    const values = new Float32Array(batch.length * side * side * 3);
    for (const [i, picture] of batch.entries()) values.set(picture, i * side * side * 3);
    const means = tf.tidy(() => {
      const images = tf.tensor4d(values, [batch.length, side, side, 3]);
      return tf.mean(classifier.features(images).at(-1) as Tensor4D, [1, 2]); // f32 [B, C]
    });
    try {
      pooled.set(await means.data(), first * channels);
      await backend.checkErrors();
    } finally {
      means.dispose();
    }
  }
  return pooled;
}
