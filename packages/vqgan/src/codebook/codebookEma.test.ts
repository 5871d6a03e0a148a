import { type Backend, ConfigError, createBackend, WeightError } from '@muse/backend';
import { initParameters, type Parameters } from '@muse/checkpoint';
import { describeBackends, expectClose, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldens, goldenTensorOf, goldenTrainable, tolerance } from '../../test/golden.js';
import { resolveVQGANConfig } from '../config.js';
import { CODEBOOK } from '../parameters.js';
import { CodebookEma, codebookEmaParameters } from './codebookEma.js';

const stateNames = codebookEmaParameters(resolveVQGANConfig('tiny')).map(({ name }) => name) as [string, string];
const [countName, sumName] = stateNames;

describeBackends('CodebookEma', (backend) => {
  it('updates as the PyTorch reference does', async () => {
    const expected = goldens('tiny', 'expected');
    const { parameters } = await goldenTrainable(backend());
    const ema = new CodebookEma(backend(), parameters, { deadShare: 0 });
    const rows = tf.reshape(goldenTensorOf(backend(), expected, 'latents'), [-1, 7]) as tf.Tensor2D;
    const ids = tf.reshape(goldenTensorOf(backend(), expected, 'token_ids'), [-1]) as tf.Tensor1D;
    for (const update of [1, 2]) {
      const usage = await ema.update(tf.mul(rows, update), ids, { seed: 1, step: update });
      const golden = (name: string) => expected.get(`ema.${update}.${name}`)!;
      await expectTensorClose(parameters.get(CODEBOOK)!, golden('codebook'), tolerance, 'codebook');
      await expectTensorClose(ema.state.get(countName)!, golden('count'), tolerance, 'count');
      await expectTensorClose(ema.state.get(sumName)!, golden('sum'), tolerance, 'sum');
      expectClose([usage.perplexity], golden('perplexity').data, 1e-3);
    }
  });

  it('replaces a dead code by a latent that its own code serves badly', async () => {
    const { model, ema } = threeCodes(backend());
    // Code 2 is never chosen; the latents of code 0 lie on it, those of code 1 on both sides.
    const latents = tf.tensor2d([0, 0, 10, 0, 0, 0, 10, 4], [4, 2]);
    const ids = tf.tensor1d([0, 1, 0, 1], 'int32');
    let usage = await ema.update(latents, ids, { seed: 1, step: 0 });
    expect(usage).toMatchObject({ usedCodes: 2, deadCodes: 0 });
    let numUpdates = 1;
    while (usage.deadCodes === 0 && numUpdates < 1000) {
      usage = await ema.update(latents, ids, { seed: 1, step: numUpdates++ });
    }
    // Its count falls as 0.9ⁿ, from 1, below 0.1 of the mean count, which goes to 4/3.
    expect(numUpdates).toBeGreaterThan(15);
    expect(numUpdates).toBeLessThan(25);
    const codes = await (model.get(CODEBOOK) as tf.Tensor2D).array();
    const isALatent = [[10, 0].join(), [10, 4].join()].includes(codes[2]!.join());
    expect(isALatent).toBe(true);
    const counts = await ema.state.get(countName)!.data();
    expect(counts[2]! / (counts[0]! + counts[1]!)).toBeGreaterThan(0.3);
    expect((await ema.update(latents, ids, { seed: 1, step: numUpdates })).deadCodes).toBe(0);
  });
});

describe('CodebookEma', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
  });
  afterAll(() => backend.dispose());

  it('moves codes as computed by hand', async () => {
    const { model, ema } = threeCodes(backend);
    const latents = tf.tensor2d([2, 0, 4, 2, 10, 5], [3, 2]);
    await ema.update(latents, tf.tensor1d([0, 0, 1], 'int32'), { seed: 1, step: 0 });
    // N = .9·1 + .1·(2, 1, 0); m = .9·code + .1·(sums (6 2), (10 5), 0)
    expectClose(await ema.state.get(countName)!.data(), [1.1, 1, 0.9], 1e-6);
    expectClose(await ema.state.get(sumName)!.data(), [0.6, 0.2, 10, 0.5, 0, 18], 1e-5);
    // ε = 10⁻⁵ moves the counts by 10⁻⁵ at most.
    expectClose(await model.get(CODEBOOK)!.data(), [0.6 / 1.1, 0.2 / 1.1, 10, 0.5, 0, 20], 1e-3);
  });

  it('reports the use of the codes', async () => {
    const { ema } = threeCodes(backend, { decay: 0 });
    const latents = tf.zeros<tf.Rank.R2>([4, 2]);
    const even = await ema.update(latents, tf.tensor1d([0, 1, 0, 1], 'int32'), { seed: 1, step: 0 });
    expect(even.perplexity).toBeCloseTo(2, 5);
    expect([even.usedCodes, even.deadCodes]).toEqual([2, 1]);
    const uneven = await ema.update(latents, tf.tensor1d([0, 0, 0, 1], 'int32'), { seed: 1, step: 1 });
    expect(uneven.perplexity).toBeCloseTo(Math.exp(-0.75 * Math.log(0.75) - 0.25 * Math.log(0.25)), 4);
  });

  it('starts from encoder outputs', async () => {
    const { model, ema } = threeCodes(backend);
    await ema.initialize(tf.tensor3d([1, 2, 30, 40, -50, 60, 1, 2], [2, 2, 2]), { seed: 3 });
    const codes = await (model.get(CODEBOOK) as tf.Tensor2D).array();
    expect(codes.map(String).sort()).toEqual(['-50,60', '1,2', '30,40']);
    expectClose(await ema.state.get(countName)!.data(), [4 / 3, 4 / 3, 4 / 3], 1e-6);
    await expect(ema.initialize(tf.zeros([4, 3]), { seed: 3 })).rejects.toThrow(
      'expected latents [..., 2], got [4, 3]',
    );
  });

  it('goes on from saved state to the same bits', async () => {
    const batch = (step: number) => ({
      latents: tf.randomNormal<tf.Rank.R2>([11, 2], 0, 1, 'float32', 100 + step),
      ids: tf.cast(tf.randomUniform([11], 0, 1.9, 'float32', 200 + step), 'int32') as tf.Tensor1D,
    });
    const run = async (model: Parameters, ema: CodebookEma, from: number, to: number) => {
      let numRevived = 0;
      for (let step = from; step < to; step++) {
        const { latents, ids } = batch(step);
        numRevived += (await ema.update(latents, ids, { seed: 7, step })).deadCodes;
      }
      return { numRevived, bits: [...(await model.get(CODEBOOK)!.data()), ...(await ema.state.get(sumName)!.data())] };
    };
    const whole = threeCodes(backend, { decay: 0.5 });
    const expected = await run(whole.model, whole.ema, 0, 9);
    expect(expected.numRevived).toBeGreaterThan(0);

    const first = threeCodes(backend, { decay: 0.5 });
    await run(first.model, first.ema, 0, 4);
    const model = new Map([...first.model].map(([name, tensor]) => [name, tf.clone(tensor)]));
    const state = new Map([...first.ema.state].map(([name, tensor]) => [name, tf.clone(tensor)]));
    const resumed = new CodebookEma(backend, model, { decay: 0.5, deadShare: 0.1 }, state);
    expect((await run(model, resumed, 4, 9)).bits).toEqual(expected.bits);
  });

  it('assigns a variable and replaces a plain tensor', async () => {
    for (const isVariable of [true, false]) {
      const codebook = isVariable ? tf.variable(tf.ones([3, 2])) : tf.ones([3, 2]);
      const model: Parameters = new Map([[CODEBOOK, codebook]]);
      const ema = new CodebookEma(backend, model);
      await ema.update(tf.zeros([1, 2]), tf.tensor1d([0], 'int32'), { seed: 1, step: 0 });
      expect(model.get(CODEBOOK) === codebook).toBe(isVariable);
      expect((await model.get(CODEBOOK)!.data())[0]).toBeLessThan(1);
    }
  });

  it('leaks no tensor, and gives its state back', async () => {
    const latents = tf.tensor2d([0, 0, 10, 0, 0, 0, 10, 4], [4, 2]);
    const ids = tf.tensor1d([0, 1, 0, 1], 'int32');
    for (const isVariable of [true, false]) {
      const codebook = tf.ones<tf.Rank.R2>([3, 2]);
      const model: Parameters = new Map([[CODEBOOK, isVariable ? tf.variable(codebook) : codebook]]);
      await expectNoLeaks(backend, async () => {
        const ema = new CodebookEma(backend, model, { decay: 0 });
        await ema.initialize(latents, { seed: 1 });
        expect((await ema.update(latents, ids, { seed: 1, step: 0 })).deadCodes).toBe(1);
        ema.dispose();
      });
    }
  });

  it('saves what its specs say', () => {
    const config = resolveVQGANConfig('tiny');
    const model: Parameters = new Map([[CODEBOOK, tf.zeros([config.codebookSize, config.codebookDim])]]);
    const fresh = initParameters(backend, codebookEmaParameters(config), 1);
    const { state } = new CodebookEma(backend, model);
    expect([...state].map(([name, { shape }]) => [name, shape]).sort()).toEqual(
      [...fresh].map(([name, { shape }]) => [name, shape]).sort(),
    );
  });

  it('refuses options out of range and state of another size', () => {
    const model: Parameters = new Map([[CODEBOOK, tf.zeros([3, 2])]]);
    expect(() => new CodebookEma(backend, model, { decay: 1 })).toThrow(ConfigError);
    expect(() => new CodebookEma(backend, model, { decay: 1 })).toThrow('expected decay in [0, 1), got 1');
    expect(() => new CodebookEma(backend, model, { deadShare: Number.NaN })).toThrow(
      'expected deadShare in [0, 1), got NaN',
    );
    expect(() => new CodebookEma(backend, model, { epsilon: 0 })).toThrow('expected epsilon above 0, got 0');
    const state: Parameters = new Map([[countName, tf.zeros([5])]]);
    expect(() => new CodebookEma(backend, model, {}, state)).toThrow(WeightError);
    expect(() => new CodebookEma(backend, model, {}, state)).toThrow(`expected state ${countName} [3], got [5]`);
    expect(() => new CodebookEma(backend, new Map())).toThrow(`expected a tensor ${CODEBOOK}, got none`);
  });
});

/** Codes (0 0), (10 0), (0 20), each with a count of 1. */
function threeCodes(backend: Backend, { decay = 0.9 } = {}) {
  const model: Parameters = new Map([[CODEBOOK, tf.variable(tf.tensor2d([0, 0, 10, 0, 0, 20], [3, 2]))]]);
  return { model, ema: new CodebookEma(backend, model, { decay, deadShare: 0.1 }) };
}
