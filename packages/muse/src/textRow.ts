import type { Backend } from '@muse/backend';
import type { Conditioning } from '@muse/masked-transformer';
import type { T5Encoder } from '@muse/t5-encoder';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';

export interface TextParts {
  readonly backend: Backend;
  readonly textEncoder: T5Encoder;
}

/**
 * A text's states, one row, encoded by itself: they don't depend on what is beside it. No text at all is a mask of zeros, the
 * unconditional branch. The caller disposes both tensors.
 */
export function textRow({ backend: { tf }, textEncoder }: TextParts, text?: string): Conditioning {
  if (text) {
    const { embeds, mask } = textEncoder.encode([text]);
    return { textEmbeds: embeds as Tensor3D, textMask: mask as Tensor2D };
  }
  const { maxLength, dModel } = textEncoder.config;
  return { textEmbeds: tf.zeros([1, maxLength, dModel]), textMask: tf.zeros([1, maxLength]) };
}

export function disposeRow({ textEmbeds, textMask }: Conditioning): void {
  textEmbeds.dispose();
  textMask.dispose();
}
