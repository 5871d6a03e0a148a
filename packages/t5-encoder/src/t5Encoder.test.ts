import { readFile } from 'node:fs/promises';
import { type Backend, createBackend } from '@muse/backend';
import { openCheckpoint, type Parameters } from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadT5Encoder } from './loadT5Encoder.js';
import { t5Parameters } from './parameters.js';
import { T5Encoder } from './t5Encoder.js';

const tolerance = 1e-4;

async function openTensors(name: string): Promise<(tensor: string) => Promise<tf.Tensor>> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath(name)));
  return async (tensor) => {
    const { data, shape, dtype } = await checkpoint.read(tensor);
    const isFloat = dtype.startsWith('F') || dtype.startsWith('B');
    return isFloat
      ? tf.tensor(data as Float32Array, [...shape])
      : tf.tensor(Int32Array.from(data, Number), [...shape], 'int32');
  };
}

/** A golden folder as a model component. */
async function golden(name: string) {
  const folder = nodeFolder(fixturePath(name));
  const config: unknown = JSON.parse(await readFile(fixturePath(`${name}/config.json`), 'utf8'));
  return { name, config, folder, checkpoint: () => openCheckpoint(folder) };
}

async function largestDifference(actual: tf.Tensor, expected: tf.Tensor, mask?: tf.Tensor): Promise<number> {
  expect(actual.shape).toEqual(expected.shape);
  const difference = tf.tidy(() => {
    const error = tf.abs(tf.sub(actual, expected));
    return tf.max(mask ? tf.mul(error, tf.expandDims(mask, -1)) : error);
  });
  const [value] = await difference.data();
  difference.dispose();
  return value!;
}
for (const device of ['tensorflow', 'cpu'] as const) {
  describe(device, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await createBackend({ device });
    });

    for (const version of ['v1_0', 'v1_1']) {
      it.each(['short', 'long'])(`gives transformers' states (${version}, %s)`, async (name) => {
        const encoder = await loadT5Encoder(backend, await golden(`t5/t5-${version}-tiny`));
        const inputs = await openTensors(`t5/t5-${version}-tiny/inputs.safetensors`);
        const expected = await (await openTensors(`t5/t5-${version}-tiny/expected.safetensors`))(name);
        const mask = tf.cast(await inputs(`${name}.mask`), 'float32') as tf.Tensor2D;
        const states = encoder.forward((await inputs(`${name}.ids`)) as tf.Tensor2D, mask);
        expect(await largestDifference(states, expected, mask)).toBeLessThan(tolerance);
      });

      it(`gives PyTorch's gradient of every parameter (${version})`, async () => {
        const encoder = await loadT5Encoder(backend, await golden(`t5/t5-${version}-tiny`));
        const inputs = await openTensors(`t5/t5-${version}-tiny/inputs.safetensors`);
        const expected = await openTensors(`t5/t5-gradients/${version}.safetensors`);
        const ids = (await inputs('short.ids')) as tf.Tensor2D;
        const mask = tf.cast(await inputs('short.mask'), 'float32') as tf.Tensor2D;
        const probe = await expected('probe');
        const names = [...encoder.parameters.keys()];
        const { value, grads } = tf.valueAndGrads((...tensors: tf.Tensor[]) => {
          const taped: Parameters = new Map(names.map((name, index) => [name, tensors[index]!]));
          const states = new T5Encoder(backend, encoder.config, taped).forward(ids, mask);
          return tf.sum(tf.mul(states, probe)) as tf.Scalar;
        })([...encoder.parameters.values()]);
        expect(await largestDifference(tf.reshape(value, [1]), await expected('loss'))).toBeLessThan(1e-2);
        for (const [index, { name, layout }] of t5Parameters(encoder.config).entries()) {
          expect(names[index]).toBe(name);
          const inFile = await expected(`gradient.${name}`);
          const inMemory = layout === 'linear' ? tf.transpose(inFile) : inFile;
          const scale = Math.max(1, (await tf.max(tf.abs(inMemory)).data())[0]!);
          expect((await largestDifference(grads[index]!, inMemory)) / scale, name).toBeLessThan(tolerance);
        }
      });
    }
  });
}
