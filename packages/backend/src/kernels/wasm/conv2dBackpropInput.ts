import * as tf from '@tensorflow/tfjs';
import { type ConvolutionAttributes, convolutionInfo } from './convolutionInfo.js';

/**
 * Conv2DBackpropInput as a convolution by XNNPACK: of the gradient, with zeros between its pixels where the stride is
 * more than 1, by the filter turned by 180° with its channels swapped. tfjs's kernel is seven plain loops.
 */
export function conv2dBackpropInput(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    const { dy, filter } = call.inputs as { dy: tf.Tensor4D; filter: tf.Tensor4D };
    const { inputShape, ...attributes } = call.attrs as unknown as ConvolutionAttributes & {
      inputShape: [number, number, number, number];
    };
    const info = convolutionInfo(inputShape, filter.shape, attributes);
    const { filterHeight, filterWidth, strideHeight, strideWidth, padInfo, inHeight, inWidth } = info;
    const top = filterHeight - 1 - padInfo.top;
    const left = filterWidth - 1 - padInfo.left;
    const bottom = inHeight - ((info.outHeight - 1) * strideHeight + 1 + top - filterHeight + 1);
    const right = inWidth - ((info.outWidth - 1) * strideWidth + 1 + left - filterWidth + 1);
    const isNegative = Math.min(top, left, bottom, right) < 0; // padding wider than the filter
    if (info.dataFormat !== 'channelsLast' || isNegative) return original!(call);
    return tf.tidy(() => {
      const spread = spreadPixels(dy, strideHeight, strideWidth);
      const padded = tf.pad(spread, [
        [0, 0],
        [top, bottom],
        [left, right],
        [0, 0],
      ]) as tf.Tensor4D;
      const turned = tf.transpose(tf.reverse(filter, [0, 1]), [0, 1, 3, 2]) as tf.Tensor4D; // f32 [kh, kw, O, I]
      return tf.conv2d(padded, turned, 1, 'valid');
    });
  };
}

/** Puts stride − 1 zeros between pixels. @param x f32 [B, H, W, C] @returns f32 [B, (H−1)·sh+1, (W−1)·sw+1, C] */
function spreadPixels(x: tf.Tensor4D, strideHeight: number, strideWidth: number): tf.Tensor4D {
  if (strideHeight === 1 && strideWidth === 1) return x;
  const [B, H, W, C] = x.shape;
  const columns = tf.pad(tf.reshape(x, [B * H * W, 1, C]), [
    [0, 0],
    [0, strideWidth - 1],
    [0, 0],
  ]);
  const rows = tf.pad(tf.reshape(columns, [B * H, 1, W * strideWidth * C]), [
    [0, 0],
    [0, strideHeight - 1],
    [0, 0],
  ]);
  const dilated = tf.reshape(rows, [B, H * strideHeight, W * strideWidth, C]);
  return tf.slice(dilated, [0, 0, 0, 0], [B, (H - 1) * strideHeight + 1, (W - 1) * strideWidth + 1, C]) as tf.Tensor4D;
}
