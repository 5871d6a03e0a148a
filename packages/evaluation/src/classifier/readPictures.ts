import { ShapeError } from '@muse/backend';
import { readLogits, type SceneReading } from './reading.js';
import type { SceneClassifier } from './sceneClassifier.js';

/**
 * What a classifier sees in pictures, all in one pass.
 *
 * @param pictures f32 [imageSize · imageSize · 3] each, RGB in [0, 1]
 * @throws ShapeError for a picture of another size
 */
export async function readPictures(
  classifier: SceneClassifier,
  pictures: readonly Float32Array[],
): Promise<SceneReading[]> {
  if (pictures.length === 0) return [];
  const { backend } = classifier;
  const { imageSize } = classifier.config;
  const values = new Float32Array(pictures.length * imageSize * imageSize * 3);
  pictures.forEach((picture, i) => {
    if (picture.length * pictures.length !== values.length) {
      const place = { package: 'evaluation', in: 'readPictures' };
      throw new ShapeError(place, `expected pictures of ${imageSize} × ${imageSize} × 3 values, got ${picture.length}`);
    }
    values.set(picture, i * picture.length);
  });
  const logits = backend.tf.tidy(() =>
    classifier.forward(backend.tf.tensor4d(values, [pictures.length, imageSize, imageSize, 3])),
  );
  try {
    const readings = await readLogits(logits);
    await backend.checkErrors();
    return readings;
  } finally {
    backend.tf.dispose(logits);
  }
}
