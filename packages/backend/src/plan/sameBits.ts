import type * as tf from '@tensorflow/tfjs';

export function sameBits(a: tf.TypedArray, b: tf.TypedArray): boolean {
  const [bytes, others] = [a, b].map(
    ({ buffer, byteOffset, byteLength }) => new Uint8Array(buffer, byteOffset, byteLength),
  );
  return bytes!.length === others!.length && bytes!.every((byte, i) => byte === others![i]);
}
