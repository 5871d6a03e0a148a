import * as tf from '@tensorflow/tfjs';

/**
 * ResizeNearestNeighborGrad without tfjs's bug: it walks through the gradient by the strides of the input, so every
 * image of a batch but the first takes its gradient from the wrong place. One image at a time it is right.
 */
export function resizeNearestNeighborGrad(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return ({ inputs, attrs, backend }) => {
    const { images, dy } = inputs as { images: tf.Tensor4D; dy: tf.Tensor4D };
    return tf.tidy(() => {
      const perImage = tf.split(dy, dy.shape[0]).map((gradient, i) => {
        const image = tf.slice(images, [i, 0, 0, 0], [1, -1, -1, -1]);
        const info = original!({ inputs: { images: image, dy: gradient }, attrs: attrs!, backend }) as tf.TensorInfo;
        return tf.engine().makeTensorFromTensorInfo(info);
      });
      return tf.concat(perImage);
    });
  };
}
