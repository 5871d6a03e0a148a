import { type Backend, uniform } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTransformerParameters,
  type PreparedConditioning,
  resolveMaskedTransformerConfig,
} from '@muse/masked-transformer';
import { type DecodeOptions, decode, decodeTokens } from '@muse/sampler';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it, vi } from 'vitest';
import { DeviceDecoder } from './deviceDecoder.js';
import { PlannedForward } from './plannedForward.js';
import { PreparedRows } from './preparedRows.js';
import { Runtime } from './runtime.js';

const config = resolveMaskedTransformerConfig('tiny');
const S = 64;
const V = config.codebookSize;

/** Decodes of a tiny transformer with its text, by the host's sampler and on the device. */
function setUp(backend: Backend) {
  const { tf } = backend;
  const parameters = initParameters(backend, maskedTransformerParameters(config), 3);
  // As initialised all codes are about as likely.
  const head = parameters.get('head.output.weight')!;
  parameters.set('head.output.weight', tf.mul(head, 8));
  head.dispose();
  const transformer = new MaskedTransformer(backend, config, parameters);
  const forward = new PlannedForward(backend, transformer);
  const row = (fill: number) => {
    const textEmbeds = tf.randomNormal([1, 5, config.textDim], 0, 1, 'float32', 7) as never;
    const textMask = tf.fill([1, 5], fill) as never;
    const prepared = transformer.prepare({ textEmbeds, textMask });
    tf.dispose([textEmbeds, textMask]);
    return prepared;
  };
  const rows = new PreparedRows<PreparedConditioning>({ prompt: () => row(1), unconditional: () => row(0) });
  const runtime = new Runtime(backend);
  const read = vi.spyOn(runtime, 'read');

  const byHost = (numImages: number): Pick<DecodeOptions, 'tokensToLogits'> => ({
    async tokensToLogits(ids, { needsUnconditional }) {
      const kinds = await forward.run(ids, rows, { needsUnconditional, numImages });
      const [conditional, unconditional] = await Promise.all(kinds.map((one) => runtime.read<Float32Array>(one)));
      return { conditional: conditional!, ...(unconditional && { unconditional }) };
    },
  });
  const onDevice = (numImages: number): Pick<DecodeOptions, 'startDecoder' | 'tokensToLogits'> => ({
    ...byHost(numImages),
    startDecoder: (ids, baseScores) =>
      new DeviceDecoder({ runtime, forward, rows, maskTokenId: V, numImages }, ids, baseScores),
  });
  const bySamples = (): Pick<DecodeOptions, 'sampleTokens' | 'tokensToLogits'> => ({
    tokensToLogits: async () => {
      throw new Error('not to be asked');
    },
    async sampleTokens(ids, request) {
      const sampled = await forward.sample(ids, rows, request);
      const pairs = await Promise.all(sampled.map((tensor) => runtime.read<Float32Array>(tensor)));
      return pairs.map((values) => ({
        tokenIds: Int32Array.from(values.filter((_, at) => at % 2 === 0)),
        logProbability: values.filter((_, at) => at % 2 === 1),
      }));
    },
  });
  const dispose = () => {
    rows.dispose();
    forward.dispose();
    transformer.dispose();
  };
  return { byHost, bySamples, onDevice, read, dispose };
}

const fresh = (seeds: readonly number[]) => ({
  seeds,
  tokenIds: new Int32Array(S * seeds.length).fill(V),
  grid: [8, 8] as const,
  codebookSize: V,
  maskTokenId: V,
  numSteps: 5,
  guidanceScale: 2,
});

describeBackends(
  'a decode on the device',
  (backend) => {
    it("has the host sampler's tokens in every step, and reads once if nobody looks", async () => {
      await expectNoLeaks(backend(), async () => {
        const { byHost, onDevice, read, dispose } = setUp(backend());
        const known = uniform({ seed: 5, stage: 1 }, S);
        const partly = Int32Array.from(known, (u, at) => (u < 0.4 ? at % V : V));
        for (const options of [fresh([11]), { ...fresh([12]), tokenIds: partly, order: 'halton' as const }]) {
          const hostSteps = [];
          for await (const { tokenIds, decided } of decode({ ...options, ...byHost(1) })) {
            hostSteps.push({ tokenIds, decided });
          }
          const steps = [];
          for await (const { tokenIds, decided } of decode({ ...options, ...onDevice(1) })) {
            steps.push({ tokenIds, decided });
          }
          expect(steps).toEqual(hostSteps);
          read.mockClear();
          expect(await decodeTokens({ ...options, ...onDevice(1) })).toEqual(hostSteps.at(-1)!.tokenIds);
          expect(read).toHaveBeenCalledTimes(1);
        }
        dispose();
        await Promise.resolve();
      });
    });

    it('gives an image the same tokens alone and in a batch', async () => {
      const { onDevice, dispose } = setUp(backend());
      const together = await decodeTokens({ ...fresh([11, 12, 13]), ...onDevice(3) });
      for (const [image, seed] of [11, 12, 13].entries()) {
        const alone = await decodeTokens({ ...fresh([seed]), ...onDevice(1) });
        expect([...together.subarray(image * S, (image + 1) * S)]).toEqual([...alone]);
      }
      dispose();
    });
  },
  { devices: ['webgpu', 'wasm'] }, // plans on tensorflow are graphs, which can't have the host make numbers
);

describeBackends(
  'a decode whose tokens are drawn on the device',
  (backend) => {
    it("has the host sampler's tokens in every step, the same alone and in a batch", async () => {
      await expectNoLeaks(backend(), async () => {
        const { byHost, bySamples, dispose } = setUp(backend());
        const known = uniform({ seed: 5, stage: 1 }, S);
        const partly = Int32Array.from(known, (u, at) => (u < 0.4 ? at % V : V));
        const alone = [
          { ...fresh([11]), sampleTemperature: 0.8 },
          { ...fresh([12]), tokenIds: partly },
        ];
        const results = [];
        for (const options of alone) {
          const steps = [];
          for await (const { tokenIds, decided } of decode({ ...options, ...bySamples() })) {
            steps.push({ tokenIds, decided });
          }
          const hostSteps = [];
          for await (const { tokenIds, decided } of decode({ ...options, ...byHost(1) })) {
            hostSteps.push({ tokenIds, decided });
          }
          expect(steps).toEqual(hostSteps);
          results.push(await decodeTokens({ ...options, sampleTemperature: 1, ...bySamples() }));
        }
        // The third has nothing to draw.
        const tokenIds = Int32Array.from([...alone[0]!.tokenIds, ...partly, ...new Int32Array(S)]);
        const together = await decodeTokens({ ...fresh([11, 12, 13]), tokenIds, ...bySamples() });
        expect([...together]).toEqual([...results, new Int32Array(S)].flatMap((tokens) => [...tokens]));
        dispose();
      });
    });
  },
  { devices: ['tensorflow', 'wasm'] },
);
