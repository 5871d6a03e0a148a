import { initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
} from '@muse/masked-transformer';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { PlannedForward } from './plannedForward.js';
import { PreparedRows } from './preparedRows.js';

const valuesOf = async (tensors: readonly tf.Tensor[]) =>
  (await Promise.all(tensors.map(async (tensor) => [...(await tensor.data())]))).flat();

describeBackends(
  'a planned forward pass',
  (backend) => {
    it('gives the logits of each row by itself to the bit, for prompts that change, with guidance and for two images', async () => {
      await expectNoLeaks(backend(), async () => {
        const config = resolveMaskedTransformerConfig('tiny');
        const specs = maskedTransformerParameters(config);
        const transformer = new MaskedTransformer(backend(), config, initParameters(backend(), specs, 3));
        const planned = new PlannedForward(backend(), transformer);
        for (const turn of [0, 1]) {
          const row = (seed: number) => {
            const textEmbeds = tf.randomNormal([1, 5, config.textDim], 0, 1, 'float32', seed) as tf.Tensor3D;
            const textMask = tf.tensor2d([[1, 1, seed % 2, 0, 0]]);
            const prepared = transformer.prepare({ textEmbeds, textMask });
            tf.dispose([textEmbeds, textMask]);
            return prepared;
          };
          const rows = new PreparedRows({ prompt: () => row(turn), unconditional: () => row(turn + 5) });
          for (const numImages of [1, 2]) {
            for (const needsUnconditional of [true, false]) {
              const ids = Int32Array.from({ length: numImages * 64 }, (_, at) => (at * 5 + turn) % config.codebookSize);
              const alone = rows.apart(needsUnconditional, numImages).map((prepared, at) => {
                const start = (at % numImages) * 64;
                return tf.tidy(() => {
                  const own = tf.tensor2d(ids.subarray(start, start + 64), [1, 64], 'int32');
                  return transformer.forward(own, prepared);
                });
              });
              const got = await planned.run(ids, rows, { needsUnconditional, numImages });
              expect(got.map(({ shape }) => shape)).toEqual(
                Array(needsUnconditional ? 2 : 1).fill([numImages, 64, config.codebookSize]),
              );
              expect(await valuesOf(got)).toEqual(await valuesOf(alone));
              tf.dispose([...got, ...alone]);
            }
          }
          rows.dispose();
        }
        planned.dispose();
        await Promise.resolve();
        transformer.dispose();
      });
    });
  },
  { devices: ['webgpu', 'tensorflow', 'wasm'] },
);
