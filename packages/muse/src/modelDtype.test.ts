import { ConfigError, createBackend, type ModelDtype, UnsupportedBackendError } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
} from '@muse/masked-transformer';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { checkDtype, dtypeOn } from './modelDtype.js';
import { PlannedForward } from './plannedForward.js';
import { PreparedRows } from './preparedRows.js';

describeBackends(
  'a transformer with packed weights',
  (backend) => {
    // Root-mean-square error of the logits over their own: eleven bits of a half, eight of a bfloat16, seven of a byte; more where
    // rows are rounded too.
    it.for([
      ['f16', 2e-3],
      ['q8', 3e-2],
      ['w16a16', 4e-3],
      ['w8a8', 6e-2],
      ['bf16', 2e-2],
    ] as const)('of %s has logits near those of f32, in a plan too', async ([dtype, tolerance], { skip }) => {
      const { tf, dtypes } = backend();
      if (!dtypes.includes(dtype)) skip(`${dtype}: this device lacks it`);
      await expectNoLeaks(backend(), async () => {
        const config = resolveMaskedTransformerConfig('tiny', { hiddenSize: 24, mlpDim: 28, codebookSize: 15 });
        const specs = maskedTransformerParameters(config);
        const parameters = initParameters(backend(), specs, 3);
        const transformer = new MaskedTransformer(backend(), config, parameters);
        const given = {
          textEmbeds: tf.randomNormal([1, 5, config.textDim], 0, 1, 'float32', 7) as never,
          textMask: tf.ones([1, 5]) as never,
        };
        const ids = new Int32Array(64).fill(15);
        const logits = async () => {
          const prompt = () => transformer.prepare(given);
          const rows = new PreparedRows({ prompt, unconditional: prompt });
          const planned = new PlannedForward(backend(), transformer);
          const prepared = rows.joined(false);
          const eager = tf.tidy(() => transformer.forward(tf.tensor2d(ids, [1, 64], 'int32'), prepared));
          const [fromPlan] = await planned.run(ids, rows, { needsUnconditional: false, numImages: 1 });
          const [values, planValues] = [await eager.data(), await fromPlan!.data()];
          expect([...planValues]).toEqual([...values]);
          tf.dispose([eager, fromPlan!]);
          rows.dispose();
          planned.dispose();
          return values;
        };
        const wanted = await logits();
        for (const { name } of specs.filter(({ layout, shape }) => layout === 'linear' && shape[0]! % 4 === 0)) {
          const weight = parameters.get(name)!;
          parameters.set(name, backend().packWeight(weight, dtype));
          weight.dispose();
        }
        const got = await logits();
        const squares = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
        const error = Math.sqrt(squares(got.map((value, i) => value - wanted[i]!) as never) / squares(wanted as never));
        expect(error).toBeGreaterThan(tolerance / 100); // packed indeed
        expect(error).toBeLessThan(tolerance);
        transformer.dispose();
        tf.dispose(Object.values(given));
      });
    });
  },
  { devices: ['webgpu', 'tensorflow'] },
);

it("is the device's own unless it is told otherwise, and refused with what there is", async () => {
  const cpu = await createBackend({ device: 'cpu', dtype: 'auto' });
  expect([cpu.dtype, dtypeOn(cpu), dtypeOn(cpu, 'auto'), dtypeOn(cpu, 'f32')]).toEqual(['f32', 'f32', 'f32', 'f32']);
  for (const dtype of ['f16', 'q8', 'bf16'] as const) {
    expect(() => dtypeOn(cpu, dtype)).toThrow(UnsupportedBackendError);
    expect(() => dtypeOn(cpu, dtype)).toThrow(`expected a dtype of this backend, cpu (auto, f32), got ${dtype}`);
  }
  expect(() => checkDtype('q2' as ModelDtype)).toThrow(ConfigError);
  expect(() => checkDtype('q2' as ModelDtype)).toThrow('expected dtype auto, f32, f16, q8, w16a16, w8a8, bf16, got q2');
  await cpu.dispose();
});
