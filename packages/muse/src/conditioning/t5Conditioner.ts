import type { PreparedSuperRes } from '@muse/masked-transformer';
import { checkText } from '../checkText.js';
import type { T5Parts } from '../museParts.js';
import { PreparedRows } from '../preparedRows.js';
import { TextRows } from '../textRows.js';
import type { Conditioner } from './conditioner.js';

/** Muse's own: states of a T5 encoder, padding hidden; no text at all is a mask of zeros. */
export function t5Conditioner(parts: T5Parts): Conditioner {
  const { backend, textEncoder, transformer, superRes } = parts;
  const { maxLength } = textEncoder.config;
  return {
    checkText: (place, name, text) => checkText(place, name, text, { tokenizer: textEncoder.tokenizer!, maxLength }),
    encode: (text) => textEncoder.encode([text]),
    prepare({ prompt, negativePrompt }) {
      const text = new TextRows(parts, prompt, negativePrompt);
      const base = new PreparedRows((numRows) => text.take(numRows, (rows) => transformer.prepare(rows)));
      return {
        base,
        // The second stage sees the base's tokens in both rows: guidance is of the text alone.
        superRes: (coarse): PreparedRows<PreparedSuperRes> =>
          new PreparedRows((numRows) =>
            text.take(numRows, (rows) => {
              const ids = new Int32Array(numRows * coarse.length);
              for (let row = 0; row < numRows; row++) ids.set(coarse, row * coarse.length);
              const coarseTokenIds = backend.tf.tensor2d(ids, [numRows, coarse.length], 'int32');
              try {
                return superRes!.transformer.prepare({ ...rows, coarseTokenIds });
              } finally {
                coarseTokenIds.dispose();
              }
            }),
          ),
        dispose() {
          text.dispose();
          base.dispose();
        },
      };
    },
  };
}
