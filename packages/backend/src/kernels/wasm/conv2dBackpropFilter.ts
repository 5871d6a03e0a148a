import * as tf from '@tensorflow/tfjs';
import { type ConvolutionAttributes, convolutionInfo } from './convolutionInfo.js';

/**
 * Conv2DBackpropFilter, which tfjs has no wasm kernel for: for each place (i, j) of the filter, the input pixels that
 * it met, [I, B·H·W], times the gradient of the output, [B·H·W, O].
 */
export function conv2dBackpropFilter(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { x, dy } = call.inputs as { x: tf.Tensor4D; dy: tf.Tensor4D };
    const { filterShape, ...attributes } = call.attrs as unknown as ConvolutionAttributes & {
      filterShape: FilterShape;
    };
    const info = convolutionInfo(x.shape, filterShape, attributes);
    if (info.dataFormat !== 'channelsLast') {
      if (original) return original(call);
      throw new Error('[backend] Conv2DBackpropFilter: expected the data format NHWC on wasm, got NCHW');
    }
    const { batchSize: B, inChannels: I, outChannels: O, outHeight: H, outWidth: W } = info;
    const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, inHeight, inWidth } = info;
    return tf.tidy(() => {
      // Padded so that each filter place meets H × W pixels.
      const bottom = Math.max(0, (H - 1) * strideHeight + filterHeight - inHeight - padInfo.top);
      const right = Math.max(0, (W - 1) * strideWidth + filterWidth - inWidth - padInfo.left);
      const padded = tf.pad(x, [
        [0, 0],
        [padInfo.top, bottom],
        [padInfo.left, right],
        [0, 0],
      ]);
      const planes = tf.transpose(padded, [3, 0, 1, 2]); // f32 [I, B, H′, W′]
      const gradient = tf.reshape(dy, [B * H * W, O]);
      const perPlace: tf.Tensor[] = [];
      for (let i = 0; i < filterHeight; i++) {
        for (let j = 0; j < filterWidth; j++) {
          const end = [I, B, i + (H - 1) * strideHeight + 1, j + (W - 1) * strideWidth + 1];
          const met = tf.stridedSlice(planes, [0, 0, i, j], end, [1, 1, strideHeight, strideWidth]); // f32 [I, B, H, W]
          perPlace.push(tf.matMul(tf.reshape(met, [I, B * H * W]), gradient)); // f32 [I, O]
        }
      }
      return tf.reshape(tf.concat(perPlace), filterShape);
    });
  };
}

type FilterShape = [number, number, number, number];
