import { readFileSync } from 'node:fs';
import { type Backend, ConfigError } from '@muse/backend';
import { fixturePath } from '@muse/fixtures';
import { describeBackends } from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { adafactor } from './adafactor.js';
import { adam, adamW } from './adam.js';
import { clipScale, globalNorm, lossAndGradients } from './gradients.js';
import { disposeTensors, initOptimizerState, type Optimizer, updateParameters } from './optimizer.js';

// Ten steps of torch.optim 2.13 on seeded gradients: internal/fixtures/python/optimizers.py.
const goldens = JSON.parse(readFileSync(fixturePath('trainer/optimizers.json'), 'utf8')) as {
  shapes: Record<string, number[]>;
  start: Record<string, number[]>;
  gradients: Record<string, number[]>[];
  ends: Record<string, Record<string, number[]>>;
};

const cases: [name: string, optimizer: Optimizer][] = [
  ['adam', adam({ betas: [0.9, 0.99] })],
  ['adamWithL2', adam({ betas: [0.9, 0.999], weightDecay: 1e-2 })],
  ['adamW', adamW({ betas: [0.9, 0.96], weightDecay: 0.045 })],
  ['adafactor', adafactor({ scalesByParameter: true, weightDecay: 0.045 })],
];

/** Runs the goldens' gradients, each divided by `gradientScale`, which the step context multiplies back. */
async function tenSteps(
  backend: Backend,
  optimizer: Optimizer,
  gradientScale: number,
): Promise<Record<string, Float32Array>> {
  const { tf } = backend;
  const names = Object.keys(goldens.shapes);
  const tensor = (values: number[], name: string) => tf.tensor(values, goldens.shapes[name]!);
  const parameters = new Map<string, Tensor>(names.map((name) => [name, tensor(goldens.start[name]!, name)]));
  const state = initOptimizerState(backend, optimizer, parameters, names);
  const scale = tf.scalar(gradientScale);
  for (const [index, values] of goldens.gradients.entries()) {
    const gradients = new Map<string, Tensor>(
      names.map((name) => [
        name,
        tensor(
          values[name]!.map((x) => x / gradientScale),
          name,
        ),
      ]),
    );
    updateParameters(backend, optimizer, parameters, gradients, state, {
      step: index + 1,
      learningRate: 1e-2,
      gradientScale: scale,
    });
    disposeTensors(gradients);
  }
  const ends: Record<string, Float32Array> = {};
  for (const [name, parameter] of parameters) ends[name] = (await parameter.data()) as Float32Array;
  disposeTensors(parameters);
  disposeTensors(state);
  scale.dispose();
  return ends;
}

describeBackends('optimizers', (backend) => {
  it.each(cases)('%s takes the same ten steps as torch.optim', async (name, optimizer) => {
    const ends = await tenSteps(backend(), optimizer, 1);
    for (const [parameter, values] of Object.entries(goldens.ends[name]!)) {
      values.forEach((value, i) => {
        expect(Math.abs(ends[parameter]![i]! - value), `${parameter}[${i}]`).toBeLessThan(2e-6);
      });
    }
  });

  it.each(cases)('%s applies the gradient scale as if the gradients had been scaled', async (name, optimizer) => {
    const ends = await tenSteps(backend(), optimizer, 0.125);
    for (const [parameter, values] of Object.entries(goldens.ends[name]!)) {
      values.forEach((value, i) => {
        expect(Math.abs(ends[parameter]![i]! - value), `${parameter}[${i}]`).toBeLessThan(2e-6);
      });
    }
  });

  it.each([...cases, ['adafactor with momentum', adafactor({ beta1: 0.9, beta2: 0.96 })] as [string, Optimizer]])(
    '%s leaks no tensor',
    async (_, optimizer) => {
      await tenSteps(backend(), optimizer, 1);
      const before = backend().tf.memory().numTensors;
      await tenSteps(backend(), optimizer, 1);
      expect(backend().tf.memory().numTensors).toBe(before);
    },
  );

  it('keeps the second moment of a matrix as one row and one column in Adafactor', () => {
    expect(adafactor().slots([5, 7])).toEqual({ exp_avg_sq_row: [5], exp_avg_sq_col: [7] });
    expect(adafactor({ beta1: 0.9 }).slots([11])).toEqual({ exp_avg_sq: [11], exp_avg: [11] });
  });

  it('takes Adafactor steps with momentum by the formula', async () => {
    const { tf } = backend();
    const optimizer = adafactor({ beta1: 0.5, beta2: 0.75, clipThreshold: 100 });
    const parameters = new Map<string, Tensor>([['p', tf.tensor1d([1])]]);
    const state = initOptimizerState(backend(), optimizer, parameters, ['p']);
    const one = tf.scalar(1);
    for (const [index, gradient] of [2, 4].entries()) {
      const gradients = new Map<string, Tensor>([['p', tf.tensor1d([gradient])]]);
      updateParameters(backend(), optimizer, parameters, gradients, state, {
        step: index + 1,
        learningRate: 0.1,
        gradientScale: one,
      });
      disposeTensors(gradients);
    }
    // v₁ = ¼·4 = 1, u₁ = 0.1·2/1 = 0.2, m₁ = 0.1; v₂ = ¾ + ¼·16 = 4.75, u₂ = 0.1·4/√4.75, m₂ = m₁/2 + u₂/2.
    const m2 = 0.05 + 0.2 / Math.sqrt(4.75);
    expect((await parameters.get('p')!.data())[0]).toBeCloseTo(1 - 0.1 - m2, 5);
    disposeTensors(parameters);
    disposeTensors(state);
    one.dispose();
  });

  it('refuses decay rates out of [0, 1)', () => {
    expect(() => adam({ betas: [1, 0.9] })).toThrow(ConfigError);
    expect(() => adamW({ weightDecay: Number.NaN })).toThrow(/weightDecay/);
    expect(() => adafactor({ beta2: 1.5 })).toThrow(ConfigError);
  });
});

describeBackends('gradients', (backend) => {
  it('are those of the loss with respect to the named parameters', async () => {
    const { tf } = backend();
    const parameters = new Map<string, Tensor>([
      ['a', tf.tensor1d([1, 2])],
      ['b', tf.tensor1d([3, 5])],
    ]);
    const { loss, gradients } = lossAndGradients(backend(), parameters, ['b'], () =>
      tf.sum(tf.mul(parameters.get('a')!, tf.square(parameters.get('b')!))),
    );
    expect((await loss.data())[0]).toBe(9 + 50);
    expect([...gradients.keys()]).toEqual(['b']);
    expect([...(await gradients.get('b')!.data())]).toEqual([6, 20]);
    tf.dispose([loss, ...gradients.values(), ...parameters.values()]);
  });

  it('have the norm over all of them, and are scaled to a norm of at most maxNorm', async () => {
    const { tf } = backend();
    const gradients = [tf.tensor1d([3, 0]), tf.tensor2d([[4]])];
    const norm = globalNorm(backend(), gradients);
    const clipped = clipScale(backend(), norm, 1);
    const untouched = clipScale(backend(), norm, 10);
    const unclipped = clipScale(backend(), norm, null);
    expect((await norm.data())[0]).toBeCloseTo(5, 6);
    expect((await clipped.data())[0]).toBeCloseTo(0.2, 6);
    expect((await untouched.data())[0]).toBe(1);
    expect((await unclipped.data())[0]).toBe(1);
    tf.dispose([...gradients, norm, clipped, untouched, unclipped]);
  });
});
