import type { Backend } from '@muse/backend';
import type { Conditioning } from '@muse/masked-transformer';
import type { T5Encoder } from '@muse/t5-encoder';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';

export interface TextParts {
  readonly backend: Backend;
  readonly textEncoder: T5Encoder;
}

/**
 * A prompt's states: a row for the prompt, a row for the unconditional branch. No text at all is a mask of zeros; it is
 * the unconditional row without a negative prompt, and the first row without a prompt.
 * Texts are encoded one by one, so that a prompt's states don't depend on what is beside it.
 */
export class TextRows {
  readonly #embeds: Tensor3D;
  readonly #mask: Tensor2D;

  /** @param prompt empty for none */
  constructor({ backend, textEncoder }: TextParts, prompt: string, negativePrompt?: string) {
    const { tf } = backend;
    const { embeds, mask } = tf.tidy(() => {
      const given = [prompt, negativePrompt].map((text) => (text ? textEncoder.encode([text]) : undefined));
      const like = given[0] ?? given[1] ?? textEncoder.encode(['']);
      const none = { embeds: tf.zerosLike(like.embeds), mask: tf.zerosLike(like.mask) };
      const rows = given.map((encoded) => encoded ?? none);
      return {
        embeds: tf.concat(rows.map(({ embeds }) => embeds)),
        mask: tf.concat(rows.map(({ mask }) => mask)),
      };
    });
    this.#embeds = embeds; // f32 [2, T, Dt]
    this.#mask = mask; // f32 [2, T]
  }

  /** Calls `use` with the first rows, which it must not keep. @param numRows 1: the prompt's alone */
  take<R>(numRows: 1 | 2, use: (text: Conditioning) => R): R {
    const [, T, Dt] = this.#embeds.shape;
    const textEmbeds = this.#embeds.slice([0, 0, 0], [numRows, T, Dt]) as Tensor3D;
    const textMask = this.#mask.slice([0, 0], [numRows, T]) as Tensor2D;
    try {
      return use({ textEmbeds, textMask });
    } finally {
      textEmbeds.dispose();
      textMask.dispose();
    }
  }

  dispose(): void {
    this.#embeds.dispose();
    this.#mask.dispose();
  }
}
