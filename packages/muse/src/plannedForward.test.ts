import { initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
} from '@muse/masked-transformer';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { PlannedForward } from './plannedForward.js';

describeBackends(
  'a planned forward pass',
  (backend) => {
    it("gives the transformer's own logits to the bit, for prompts that change and one row or two", async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const config = resolveMaskedTransformerConfig('tiny');
        const specs = maskedTransformerParameters(config);
        const transformer = new MaskedTransformer(backend(), config, initParameters(backend(), specs, 3));
        const planned = new PlannedForward(backend(), transformer);
        for (const [turn, rows] of [2, 1, 2, 1].entries()) {
          const textEmbeds = tf.randomNormal([rows, 5, config.textDim], 0, 1, 'float32', turn) as never;
          const textMask = tf.tensor2d([1, 1, 1, 0, 0, 0, 0, 0, 0, 0].slice(0, 5 * rows), [rows, 5]);
          const prepared = transformer.prepare({ textEmbeds, textMask });
          for (const fill of [config.codebookSize, turn]) {
            const ids = tf.fill([rows, 64], fill, 'int32') as never;
            const expected = transformer.forward(ids, prepared);
            const got = await planned.run(ids, prepared);
            expect(got.shape).toEqual([rows, 64, config.codebookSize]);
            expect([...(await got.data())]).toEqual([...(await expected.data())]);
            tf.dispose([ids, expected, got]);
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
