import type { Backend } from '@muse/backend';
import type { Conditioning } from '@muse/masked-transformer';
import {
  type EncodeProgress,
  padStates,
  type StreamedEncodeOptions,
  type StreamedT5Encoder,
  type T5Encoder,
  type TextStates,
} from '@muse/t5-encoder';
import { Lazy } from './conditioning/lazy.js';

export interface TextParts {
  readonly backend: Backend;
  readonly textEncoder: T5Encoder | StreamedT5Encoder;
  readonly onTextProgress?: (progress: EncodeProgress) => void;
}

/**
 * States of texts, a row each, made on the device when it is first asked for and given back by its `dispose`. A text is encoded by
 * itself: its states don't depend on what is beside it. No text at all is a mask of zeros, the unconditional branch.
 *
 * A streamed encoder reads its blocks here, once for all of the texts.
 *
 * @throws the signal's reason, between blocks; WeightError for a file that can't be read
 */
export async function textRows(
  parts: TextParts,
  texts: readonly (string | undefined)[],
  signal?: AbortSignal,
): Promise<Lazy<Conditioning>[]> {
  const { textEncoder, onTextProgress: onProgress } = parts;
  const encode = isStreamed(textEncoder)
    ? await encodeTogether(textEncoder, texts, { signal, onProgress })
    : (text: string) => textEncoder.encode([text]);
  return texts.map((text) => {
    if (!text) return new Lazy(() => noTextRow(parts), disposeRow);
    const make = () => {
      const { embeds, mask } = encode(text);
      return { textEmbeds: embeds, textMask: mask };
    };
    return new Lazy(make, disposeRow);
  });
}

/** The row of no text at all. The caller disposes it. */
export function noTextRow({ backend: { tf }, textEncoder }: TextParts): Conditioning {
  const { maxLength, dModel } = textEncoder.config;
  return { textEmbeds: tf.zeros([1, maxLength, dModel]), textMask: tf.zeros([1, maxLength]) };
}

export function disposeRow({ textEmbeds, textMask }: Conditioning): void {
  textEmbeds.dispose();
  textMask.dispose();
}

export function isStreamed(encoder: T5Encoder | StreamedT5Encoder): encoder is StreamedT5Encoder {
  return 'encodeTexts' in encoder;
}

/** One pass over the blocks. @returns what brings a text's states to the device; the caller disposes them */
async function encodeTogether(
  encoder: StreamedT5Encoder,
  texts: readonly (string | undefined)[],
  options: StreamedEncodeOptions,
): Promise<(text: string) => TextStates> {
  const { tf } = encoder.backend;
  const { maxLength, dModel } = encoder.config;
  const given = texts.filter((text): text is string => Boolean(text));
  const states = given.length === 0 ? [] : await encoder.encodeTexts(given, options);
  return (text) => {
    const { embeds, mask } = padStates([states[given.indexOf(text)]!], maxLength, dModel);
    return { embeds: tf.tensor3d(embeds, [1, maxLength, dModel]), mask: tf.tensor2d(mask, [1, maxLength]) };
  };
}
