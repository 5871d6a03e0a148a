import type { Tensor2D, Tensor3D } from '@tensorflow/tfjs';
import { checkText } from '../checkText.js';
import type { MicroConditioning } from '../image.js';
import type { AmusedParts } from '../museParts.js';
import { PreparedRows } from '../preparedRows.js';
import type { Conditioner } from './conditioner.js';

/** diffusers' default. */
const AESTHETIC_SCORE = 6;

/**
 * aMUSEd's: CLIP's states before its last layer, all of them seen; its projection with the micro-conditions. The
 * unconditional row is that of the negative prompt, or of the empty text.
 */
export function clipConditioner(parts: AmusedParts): Conditioner {
  const { backend, textEncoder, transformer, index } = parts;
  const { tf } = backend;
  const [height, width] = index.imageSize;
  const maxLength = textEncoder.maxLength;
  return {
    microConditioning: { originalSize: [width, height], cropOffset: [0, 0], aestheticScore: AESTHETIC_SCORE },
    checkText: (place, name, text) => checkText(place, name, text, { tokenizer: textEncoder.tokenizer!, maxLength }),
    encode(text) {
      const { penultimate, last, projected } = textEncoder.encode([text]);
      tf.dispose([last, projected]);
      return { embeds: penultimate, mask: tf.ones([1, penultimate.shape[1]]) };
    },
    prepare({ prompt, negativePrompt = '', microConditioning }) {
      // One by one, so that a prompt's states don't depend on what is beside it.
      const encoded = tf.tidy(() => {
        const rows = [prompt, negativePrompt].map((text) => textEncoder.encode([text]));
        return {
          textEmbeds: tf.concat(rows.map(({ penultimate }) => penultimate)) as Tensor3D, // f32 [2, T, Dt]
          pooledEmbeds: tf.concat(rows.map(({ projected }) => projected)) as Tensor2D, // f32 [2, P]
        };
      });
      const micro = microNumbers(microConditioning!);
      const base = new PreparedRows((numRows) => {
        const textEmbeds = tf.slice(encoded.textEmbeds, 0, numRows);
        const pooledEmbeds = tf.slice(encoded.pooledEmbeds, 0, numRows);
        try {
          return transformer.prepare({
            textEmbeds,
            pooledEmbeds,
            microConditioning: Array.from({ length: numRows }, () => micro),
          });
        } finally {
          tf.dispose([textEmbeds, pooledEmbeds]);
        }
      });
      return {
        base,
        dispose() {
          tf.dispose(encoded);
          base.dispose();
        },
      };
    },
  };
}

/** In the order in which the model was trained: width before height. */
function microNumbers({ originalSize, cropOffset, aestheticScore }: MicroConditioning): number[] {
  return [...originalSize, ...cropOffset, aestheticScore];
}
