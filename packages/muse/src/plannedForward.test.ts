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
import { tensorsOf, withTensors } from './tensorTree.js';

describeBackends(
  'a planned forward pass',
  (backend) => {
    it('gives the logits of each row by itself to the bit, for prompts that change and one row or two', async () => {
      await expectNoLeaks(backend(), async () => {
        const config = resolveMaskedTransformerConfig('tiny');
        const specs = maskedTransformerParameters(config);
        const transformer = new MaskedTransformer(backend(), config, initParameters(backend(), specs, 3));
        const planned = new PlannedForward(backend(), transformer);
        for (const [turn, rows] of [2, 1, 2, 1].entries()) {
          const textEmbeds = tf.randomNormal([rows, 5, config.textDim], 0, 1, 'float32', turn) as tf.Tensor3D;
          const textMask = tf.tensor2d([1, 1, 1, 0, 0, 0, 0, 0, 0, 0].slice(0, 5 * rows), [rows, 5]);
          const prepared = transformer.prepare({ textEmbeds, textMask });
          for (const fill of [config.codebookSize, turn]) {
            const ids = tf.fill([rows, 64], fill, 'int32') as tf.Tensor2D;
            const expected: number[] = [];
            for (let row = 0; row < rows; row++) {
              const one = tf.tidy(() => {
                const own = tensorsOf(prepared).map((tensor) => tf.slice(tensor, row, 1));
                return transformer.forward(tf.slice(ids, row, 1), withTensors(prepared, own));
              });
              expected.push(...(await one.data()));
              one.dispose();
            }
            const got = await planned.run(ids, prepared);
            expect(got.shape).toEqual([rows, 64, config.codebookSize]);
            expect([...(await got.data())]).toEqual(expected);
            tf.dispose([ids, got]);
          }
          prepared.dispose();
          tf.dispose([textEmbeds, textMask]);
        }
        planned.dispose();
        await Promise.resolve();
        transformer.dispose();
      });
    });
  },
  { devices: ['webgpu', 'tensorflow'] },
);
