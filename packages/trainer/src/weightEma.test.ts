import type { Backend } from '@muse/backend';
import type { ParameterSpec } from '@muse/checkpoint';
import type { Tensor } from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { memoryRunFolder } from '../test/memoryRunFolder.js';
import { trainingBackend } from '../test/trainingBackend.js';
import { offlineWeightEma } from './offlineWeightEma.js';
import { encodeGroup } from './run/tensorFiles.js';
import { emaDecayAt, initWeightEma, updateWeightEma } from './weightEma.js';

let backend: Backend;
beforeAll(async () => {
  backend = await trainingBackend();
});

describe('the online mean of the weights', () => {
  it('moves by 1 − decay of the way, from a copy of the start, and leaks nothing', async () => {
    const { tf } = backend;
    const before = tf.memory().numTensors;
    const parameters = new Map<string, Tensor>([['w', tf.tensor1d([1, 2])]]);
    const ema = initWeightEma(backend, parameters, ['w']);
    parameters.get('w')!.dispose();
    parameters.set('w', tf.tensor1d([3, -2]));
    updateWeightEma(backend, ema, parameters, 0.75);
    expect([...(await ema.get('w')!.data())]).toEqual([1.5, 1]);
    tf.dispose([...ema.values(), ...parameters.values()]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it('follows closely in the first steps', () => {
    expect(emaDecayAt(0.999, 1)).toBeCloseTo(2 / 11, 12);
    expect(emaDecayAt(0.999, 80)).toBeCloseTo(81 / 90, 12);
    expect(emaDecayAt(0.9, 1000)).toBe(0.9);
  });
});

describe('offlineWeightEma', () => {
  const specs: ParameterSpec[] = [{ name: 'w', shape: [2, 3], layout: 'linear', init: { kind: 'zeros' } }];

  it('is the decayed mean of the checkpoints from the oldest to the newest', async () => {
    const { tf } = backend;
    const run = memoryRunFolder();
    for (const [step, value] of [
      [5, 1],
      [10, 2],
      [100, 4],
    ] as const) {
      const tensor = tf.mul(
        tf.tensor2d([
          [1, 2],
          [3, 4],
          [5, 6],
        ]),
        value,
      );
      const bytes = await encodeGroup(backend, { name: 'base', tensors: new Map([['w', tensor]]), specs });
      await run.write(`checkpoints/step-${String(step).padStart(6, '0')}/base.safetensors`, bytes);
      tensor.dispose();
    }
    const ema = await offlineWeightEma({ backend, run, group: 'base', specs, decay: 0.7 });
    // 0.7·(0.7·1 + 0.3·2) + 0.3·4 = 2.11
    const values = [...(await ema.get('w')!.data())];
    values.forEach((value, i) => {
      expect(value).toBeCloseTo(2.11 * (i + 1), 5);
    });
    expect(ema.get('w')!.shape).toEqual([3, 2]);
    tf.dispose([...ema.values()]);
  });

  it('needs a checkpoint', async () => {
    const options = { backend, run: memoryRunFolder(), group: 'base', specs };
    await expect(offlineWeightEma(options)).rejects.toThrow('expected checkpoints in memory, got none');
  });
});
