import type { Conditioning, PreparedConditioning, PreparedSuperRes } from '@muse/masked-transformer';
import { checkText } from '../checkText.js';
import type { T5Parts } from '../museParts.js';
import { PreparedRows } from '../preparedRows.js';
import { disposeRow, isStreamed, noTextRow, textRows } from '../textRows.js';
import type { Conditioner } from './conditioner.js';
import { Lazy } from './lazy.js';

/** Texts that go through a streamed encoder together: their states, at most 1 MB each for XXL, are in memory meanwhile. */
const TEXTS_PER_PASS = 64;

/**
 * Muse's own: states of a T5 encoder, padding hidden; no text at all is a mask of zeros, which stands for the unconditional
 * branch of every prompt without a negative one.
 */
export function t5Conditioner(parts: T5Parts): Conditioner {
  const { backend, textEncoder, transformer, superRes, onTextProgress: onProgress } = parts;
  const { tf } = backend;
  const { maxLength } = textEncoder.config;
  const unconditional = new Lazy(
    () => {
      const row = noTextRow(parts);
      const prepared = transformer.prepare(row);
      disposeRow(row);
      return prepared;
    },
    (prepared) => prepared.dispose(),
  );
  return {
    checkText: (place, name, text) => checkText(place, name, text, { tokenizer: textEncoder.tokenizer!, maxLength }),
    encode: async (text, signal) =>
      isStreamed(textEncoder) ? textEncoder.encode([text], { signal, onProgress }) : textEncoder.encode([text]),
    ...(isStreamed(textEncoder) && {
      async encodeAhead(texts: readonly string[], signal?: AbortSignal) {
        const all = [...new Set(texts)];
        for (let start = 0; start < all.length; start += TEXTS_PER_PASS) {
          await textEncoder.encodeTexts(all.slice(start, start + TEXTS_PER_PASS), { signal, onProgress });
        }
      },
    }),
    async prepare({ prompt, negativePrompt }, signal) {
      const own = await textRows(parts, [prompt, negativePrompt], signal);
      const [promptRow, negativeRow] = own as [Lazy<Conditioning>, Lazy<Conditioning>];
      const base = new PreparedRows<PreparedConditioning>({
        prompt: () => transformer.prepare(promptRow.get()),
        unconditional: () => (negativePrompt ? transformer.prepare(negativeRow.get()) : unconditional.get()),
        isUnconditionalShared: !negativePrompt,
      });
      return {
        base,
        // The second stage sees the base's tokens in both rows: guidance is of the text alone.
        superRes: (coarse): PreparedRows<PreparedSuperRes> => {
          const prepare = (row: Conditioning) => {
            const coarseTokenIds = tf.tensor2d(coarse, [1, coarse.length], 'int32');
            try {
              return superRes!.transformer.prepare({ ...row, coarseTokenIds });
            } finally {
              coarseTokenIds.dispose();
            }
          };
          return new PreparedRows({
            prompt: () => prepare(promptRow.get()),
            unconditional: () => prepare(negativeRow.get()),
          });
        },
        dispose() {
          for (const row of own) row.dispose();
          base.dispose();
        },
      };
    },
    dispose: () => unconditional.dispose(),
  };
}
