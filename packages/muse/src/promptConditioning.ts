import { type Backend, ConfigError, type ErrorPlace } from '@muse/backend';
import type { MaskedTransformer, PreparedConditioning } from '@muse/masked-transformer';
import type { T5Encoder, T5Tokenizer } from '@muse/t5-encoder';
import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';

/** Characters that an error lists at most. */
const MAX_SHOWN = 8;

/**
 * Refuses text that the encoder would cut off or not see: more tokens than it takes, characters outside of its
 * vocabulary.
 *
 * @throws ConfigError that says what to leave out
 */
export function checkText(place: ErrorPlace, name: string, text: string, encoder: T5Encoder): void {
  const tokenizer = tokenizerOf(place, encoder);
  const { maxLength } = encoder.config;
  const ids = tokenizer.encode(text);
  if (ids.length > maxLength) {
    const got = `${ids.length} (${text.length} characters)`;
    throw new ConfigError(place, `expected a ${name} of at most ${maxLength} tokens, got ${got}: make it shorter`);
  }
  if (!ids.includes(tokenizer.unkTokenId)) return;
  const strange = [...new Set(text)].filter((character) => tokenizer.encode(character).includes(tokenizer.unkTokenId));
  const shown = strange.slice(0, MAX_SHOWN).map((character) => {
    const codePoint = character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
    return /[\p{L}\p{N}\p{P}\p{S}]/u.test(character) ? `${character} (U+${codePoint})` : `U+${codePoint}`;
  });
  const more = strange.length > MAX_SHOWN ? ` and ${strange.length - MAX_SHOWN} more` : '';
  throw new ConfigError(
    place,
    `expected a ${name} of characters in the model's vocabulary, got ${shown.join(', ')}${more}: leave them out`,
  );
}

function tokenizerOf(place: ErrorPlace, { tokenizer }: T5Encoder): T5Tokenizer {
  if (!tokenizer) throw new ConfigError(place, 'expected a text encoder with a tokenizer, got one without');
  return tokenizer;
}

export interface ConditioningParts {
  readonly backend: Backend;
  readonly textEncoder: T5Encoder;
  readonly transformer: MaskedTransformer;
}

/**
 * A prompt as the transformer wants it: cross-attention keys and values, made once and used in every step of every
 * image. Guided steps need a pair of rows, the prompt's and the unconditional one; others the prompt's alone. Either is
 * made when it is first asked for.
 */
export class PromptConditioning {
  readonly #transformer: MaskedTransformer;
  readonly #embeds: Tensor3D;
  readonly #mask: Tensor2D;
  #pair?: PreparedConditioning;
  #single?: PreparedConditioning;

  /**
   * The unconditional row is the negative prompt; without one, no text at all (a mask of zeros).
   * Texts are encoded one by one, so that a prompt's states don't depend on what is beside it.
   */
  constructor({ backend, textEncoder, transformer }: ConditioningParts, prompt: string, negativePrompt?: string) {
    const { tf } = backend;
    this.#transformer = transformer;
    const { embeds, mask } = tf.tidy(() => {
      const conditional = textEncoder.encode([prompt]);
      const unconditional =
        negativePrompt === undefined
          ? { embeds: tf.zerosLike(conditional.embeds), mask: tf.zerosLike(conditional.mask) }
          : textEncoder.encode([negativePrompt]);
      return {
        embeds: tf.concat([conditional.embeds, unconditional.embeds], 0),
        mask: tf.concat([conditional.mask, unconditional.mask], 0),
      };
    });
    this.#embeds = embeds; // f32 [2, T, Dt]
    this.#mask = mask; // f32 [2, T]
  }

  prepared(needsUnconditional: boolean): PreparedConditioning {
    if (needsUnconditional) {
      this.#pair ??= this.#transformer.prepare({ textEmbeds: this.#embeds, textMask: this.#mask });
      return this.#pair;
    }
    this.#single ??= this.#prepareSingle();
    return this.#single;
  }

  dispose(): void {
    this.#embeds.dispose();
    this.#mask.dispose();
    this.#pair?.dispose();
    this.#single?.dispose();
  }

  #prepareSingle(): PreparedConditioning {
    const [, T, Dt] = this.#embeds.shape;
    const textEmbeds = this.#embeds.slice([0, 0, 0], [1, T, Dt]) as Tensor3D;
    const textMask = this.#mask.slice([0, 0], [1, T]) as Tensor2D;
    try {
      return this.#transformer.prepare({ textEmbeds, textMask });
    } finally {
      textEmbeds.dispose();
      textMask.dispose();
    }
  }
}
