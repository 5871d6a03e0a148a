import type { ClipTextStates } from '@muse/clip-encoder';
import type { PreparedUViT } from '@muse/masked-transformer';
import { checkText } from '../checkText.js';
import type { MicroConditioning } from '../image.js';
import type { AmusedParts } from '../museParts.js';
import { PreparedRows } from '../preparedRows.js';
import type { Conditioner } from './conditioner.js';
import { Lazy } from './lazy.js';

/** Texts whose states are kept, the last ones: of aMUSEd a quarter of a megabyte each. */
const MAX_TEXTS = 16;

/** diffusers' default. */
const AESTHETIC_SCORE = 6;

/**
 * aMUSEd's: CLIP's states before its last layer, all of them seen; its projection with the micro-conditions. The
 * unconditional row is that of the negative prompt, or of the empty text, which is made once for all prompts.
 */
export function clipConditioner(parts: AmusedParts): Conditioner {
  const { backend, textEncoder, transformer, index } = parts;
  const { tf } = backend;
  const [height, width] = index.imageSize;
  const maxLength = textEncoder.maxLength;
  const usual = { originalSize: [width, height], cropOffset: [0, 0], aestheticScore: AESTHETIC_SCORE } as const;
  const usualMicro = microNumbers(usual);
  /** The one that was asked for last is the last. */
  const texts = new Map<string, Pick<ClipTextStates, 'penultimate' | 'projected'>>();
  // One by one, so that a prompt's states don't depend on what is beside it.
  const statesOf = (text: string) => {
    let states = texts.get(text);
    if (!states) {
      const { last, ...kept } = textEncoder.encode([text]);
      last.dispose();
      states = kept;
    }
    texts.delete(text);
    texts.set(text, states);
    const [oldest] = texts;
    if (oldest && texts.size > MAX_TEXTS) {
      tf.dispose(Object.values(oldest[1]));
      texts.delete(oldest[0]);
    }
    return states;
  };
  const prepareRow = (text: string, micro: readonly number[]): PreparedUViT => {
    const { penultimate, projected } = statesOf(text);
    return transformer.prepare({ textEmbeds: penultimate, pooledEmbeds: projected, microConditioning: [micro] });
  };
  const unconditional = new Lazy(
    () => prepareRow('', usualMicro),
    (row) => row.dispose(),
  );
  return {
    microConditioning: usual,
    checkText: (place, name, text) => checkText(place, name, text, { tokenizer: textEncoder.tokenizer!, maxLength }),
    async encode(text) {
      const { penultimate, last, projected } = textEncoder.encode([text]);
      tf.dispose([last, projected]);
      return { embeds: penultimate, mask: tf.ones([1, penultimate.shape[1]]) };
    },
    async prepare({ prompt, negativePrompt = '', microConditioning }) {
      const micro = microNumbers(microConditioning!);
      const isUsual = negativePrompt === '' && micro.join() === usualMicro.join();
      const base = new PreparedRows<PreparedUViT>({
        prompt: () => prepareRow(prompt, micro),
        unconditional: () => (isUsual ? unconditional.get() : prepareRow(negativePrompt, micro)),
        isUnconditionalShared: isUsual,
      });
      return { base, dispose: () => base.dispose() };
    },
    dispose() {
      unconditional.dispose();
      for (const states of texts.values()) tf.dispose(Object.values(states));
      texts.clear();
    },
  };
}

/** In the order in which the model was trained: width before height. */
function microNumbers({ originalSize, cropOffset, aestheticScore }: MicroConditioning): number[] {
  return [...originalSize, ...cropOffset, aestheticScore];
}
