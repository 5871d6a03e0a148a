import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';

/**
 * @param shape of the weight in memory layout
 * @param packedAs what the weight has been packed in already
 * @throws ShapeError for what `Backend.packWeight` does not take
 */
export function checkWeight(weight: tf.Tensor, shape: readonly number[], packedAs: string | undefined): void {
  if ((shape.at(-1) ?? 1) % 4 === 0 && weight.dtype === 'float32' && packedAs === undefined) return;
  throw new ShapeError(
    { package: 'backend', in: 'packWeight' },
    `expected a weight f32 [..., N] with N divisible by 4, got ${packedAs ?? weight.dtype} [${shape.join(', ')}]`,
  );
}

/** The same data under the weight's own shape and dtype, since models ask for them; takes the place of what is packed. */
export function asWeight(packed: tf.Tensor, shape: readonly number[]): tf.Tensor {
  const backend = tf.backend();
  backend.incRef(packed.dataId);
  const tensor = tf.engine().makeTensorFromDataId(packed.dataId, [...shape], 'float32', backend);
  packed.dispose();
  return tensor;
}
