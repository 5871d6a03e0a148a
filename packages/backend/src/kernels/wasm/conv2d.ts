import type * as tf from '@tensorflow/tfjs';
import { type ConvolutionAttributes, convolutionInfo } from './convolutionInfo.js';
import { convolve } from './convolve.js';

/** Conv2D by our own product instead of XNNPACK, which keeps a second copy of the filter. */
export function conv2d(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { x, filter } = call.inputs as { x: tf.Tensor4D; filter: tf.Tensor4D };
    const { dilations, ...attributes } = call.attrs as unknown as ConvolutionAttributes & {
      dilations: number | [number, number];
    };
    const isDilated = [dilations].flat().some((dilation) => dilation !== 1);
    const isEmpty = x.size === 0 || filter.size === 0;
    if (isDilated || isEmpty || attributes.dataFormat !== 'NHWC') return original!(call);
    const { outHeight, outWidth, strideHeight, strideWidth, padInfo } = convolutionInfo(
      x.shape,
      filter.shape,
      attributes,
    );
    return convolve({
      x,
      filter,
      outHeight,
      outWidth,
      strides: [strideHeight, strideWidth],
      padding: [padInfo.top, padInfo.left],
    });
  };
}
