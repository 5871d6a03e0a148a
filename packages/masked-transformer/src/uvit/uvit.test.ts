import { type Backend, createBackend, type PackedDtype, ShapeError, WeightError } from '@muse/backend';
import { countParameters, initParameters, type ModelComponent, openModelFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import {
  describeBackends,
  expectNoLeaks,
  expectTensorClose,
  type Golden,
  goldenTensor,
  loadGolden,
} from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { resolveUViTConfig } from './config.js';
import { loadUViT } from './loadUViT.js';
import { uvitParameters } from './parameters.js';
import { UViT, type UViTConditioning } from './uvit.js';

/** Tiny random pipelines of diffusers 0.33.1: internal/fixtures/python/amused.py, seeds in each manifest.json. */
const goldens = ['amused-tiny', 'amused-tiny-512style'] as const;
const tolerance = 1e-4;

async function goldenComponent(golden: string): Promise<ModelComponent> {
  return (await openModelFolder(nodeFolder(fixturePath(`amused/${golden}`)))).component('transformer');
}

/** The inputs of net.logits: two rows of other prompts, micro-conditions and tokens. */
function goldenCase(backend: Backend, golden: string) {
  const inputs = loadGolden(fixturePath(`amused/${golden}/inputs.safetensors`));
  const expected = loadGolden(fixturePath(`amused/${golden}/expected.safetensors`));
  const micro = inputs.get('net.micro_conds')!;
  const rows = (name: string) => tf.tidy(() => tf.slice(goldenTensor(backend, expected.get(name)!), 0, 2));
  const given: UViTConditioning = {
    textEmbeds: rows('text.penultimate') as tf.Tensor3D,
    pooledEmbeds: rows('text.embeds') as tf.Tensor2D,
    microConditioning: [0, 1].map((row) => [...micro.data.subarray(5 * row, 5 * row + 5)]),
  };
  const tokens = inputs.get('net.tokens')!;
  const tokenIds = tf.tensor2d(tokens.data, [2, tokens.data.length / 2], 'int32');
  return { given, tokenIds, logits: channelsLast(backend, expected.get('net.logits')!) };
}

/** [B, V, h, w] as [B, S, V] */
function channelsLast(backend: Backend, golden: Golden): tf.Tensor3D {
  const [B, V, h, w] = golden.shape as [number, number, number, number];
  return tf.tidy(
    () => tf.transpose(tf.reshape(goldenTensor(backend, golden), [B, V, h * w]), [0, 2, 1]) as tf.Tensor3D,
  );
}

describeBackends('UViT', (running) => {
  it.each(goldens)("gives diffusers' logits: %s", async (golden) => {
    const backend = running();
    const model = await loadUViT(backend, await goldenComponent(golden));
    const { given, tokenIds, logits } = goldenCase(backend, golden);
    const actual = tf.tidy(() => model.forward(tokenIds, model.prepare(given)));
    await expectTensorClose(actual, { shape: logits.shape, data: await logits.data() }, tolerance, 'logits');
    tf.dispose([actual, logits, tokenIds, given.textEmbeds, given.pooledEmbeds]);
    model.dispose();
  });

  it('leaks nothing', async () => {
    const backend = running();
    await expectNoLeaks(backend, async () => {
      const model = await loadUViT(backend, await goldenComponent('amused-tiny-512style'));
      const { given, tokenIds, logits } = goldenCase(backend, 'amused-tiny-512style');
      const prepared = model.prepare(given);
      model.forward(tokenIds, prepared).dispose();
      prepared.dispose();
      tf.dispose([logits, tokenIds, given.textEmbeds, given.pooledEmbeds]);
      model.dispose();
    });
  });
});

describeBackends(
  "a forward pass of aMUSEd-256's depth",
  (running) => {
    it.for(['f32', 'f16', 'q8', 'w16a16', 'w8a8'] as const)(
      'is at most 350 GPU commands in %s',
      async (dtype, { skip }) => {
        const backend = running();
        if (!backend.dtypes.includes(dtype)) skip(`this adapter has no ${dtype}`);
        const sizes = { latentSize: 4, codebookSize: 13, vocabSize: 16, hiddenSize: 32, numHeads: 2, mlpDim: 44 };
        const blocks = { embedChannels: 24, blockChannels: 24, blockNumHeads: 3, textDim: 20, pooledTextDim: 12 };
        const config = resolveUViTConfig({ ...resolveUViTConfig('amused-256'), ...sizes, ...blocks, microCondDim: 8 });
        const parameters = initParameters(backend, uvitParameters(config), 1);
        for (const [name, weight] of dtype === 'f32' ? [] : parameters) {
          if (weight.rank !== 2 || name === 'embed.embeddings.weight') continue;
          parameters.set(name, backend.packWeight(weight, dtype as PackedDtype));
          weight.dispose();
        }
        const model = new UViT(backend, config, parameters);
        const [textEmbeds, pooledEmbeds] = [tf.ones([2, 7, 20]) as tf.Tensor3D, tf.ones([2, 12]) as tf.Tensor2D];
        const microConditioning = Array(2).fill([512, 512, 0, 0, 6]);
        const prepared = model.prepare({ textEmbeds, pooledEmbeds, microConditioning });
        const tokenIds = tf.fill([2, 16], 15, 'int32') as tf.Tensor2D;
        const plan = await backend.capture((ids) => model.forward(ids as tf.Tensor2D, prepared), [tokenIds]);
        expect(plan.dispatchCount).toBeLessThanOrEqual(350);
        expect(plan.dispatchCount).toBeGreaterThan(10 * config.numLayers);
        tf.dispose([textEmbeds, pooledEmbeds, tokenIds]);
        plan.dispose();
        prepared.dispose();
        model.dispose();
      },
    );
  },
  { devices: ['webgpu'] },
);

describe('UViT', () => {
  let backend: Backend;
  let model: UViT;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
    model = await loadUViT(backend, await goldenComponent('amused-tiny'));
  });
  afterAll(() => backend.dispose());

  it.each([
    ['amused-256', 603_537_664],
    ['amused-512', 608_257_792],
  ] as const)('%s has the %i parameters that were published', (preset, count) => {
    expect(countParameters(uvitParameters(resolveUViTConfig(preset)))).toBe(count);
  });

  it('gives the logits of some positions, those that it gives of all', async () => {
    const { given, tokenIds } = goldenCase(backend, 'amused-tiny');
    const [some, wanted] = tf.tidy(() => {
      const prepared = model.prepare(given);
      const positions = tf.tensor2d([143, 0, 7, 5, 5, 142], [2, 3], 'int32');
      return [
        model.forward(tokenIds, prepared, positions),
        tf.gather(model.forward(tokenIds, prepared), positions, 1, 1),
      ];
    });
    expect(some.shape).toEqual([2, 3, wanted.shape[2]]);
    const [got, expected] = [await some.data(), await wanted.data()];
    expect(Math.max(...got.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5);
    tf.dispose([some, wanted]);
  });

  it('computes each row of a batch as it does alone', async () => {
    const { given, tokenIds } = goldenCase(backend, 'amused-tiny');
    const together = await tf.tidy(() => model.forward(tokenIds, model.prepare(given))).data();
    const alone = tf.tidy(() => {
      const second = <T extends tf.Tensor>(x: T) => tf.slice(x, 1, 1) as T;
      const row: UViTConditioning = {
        textEmbeds: second(given.textEmbeds),
        pooledEmbeds: second(given.pooledEmbeds),
        microConditioning: [given.microConditioning[1]!],
      };
      return model.forward(second(tokenIds), model.prepare(row));
    });
    expect(await alone.data()).toEqual(together.subarray(together.length / 2));
  });

  it('follows each micro-condition', async () => {
    const { given, tokenIds } = goldenCase(backend, 'amused-tiny');
    const logitsWith = (microConditioning: UViTConditioning['microConditioning']) =>
      tf.tidy(() => model.forward(tokenIds, model.prepare({ ...given, microConditioning }))).data();
    const plain = await logitsWith(given.microConditioning);
    for (let which = 0; which < 5; which++) {
      const changed = given.microConditioning.map((row) => row.map((value, i) => (i === which ? value + 1 : value)));
      expect(await logitsWith(changed)).not.toEqual(plain);
    }
  });

  it('refuses parts that do not fit', () => {
    const { given, tokenIds } = goldenCase(backend, 'amused-tiny');
    const prepared = model.prepare(given);
    expect(() => model.prepare({ ...given, textEmbeds: tf.zeros([2, 7, 41]) })).toThrow(
      '[masked-transformer] prepare: expected textEmbeds [B, T, 42], got [2, 7, 41]',
    );
    expect(() => model.prepare({ ...given, pooledEmbeds: tf.zeros([1, 26]) })).toThrow(ShapeError);
    expect(() => model.prepare({ ...given, microConditioning: [[1, 2, 3, 4, 5]] })).toThrow(
      'expected microConditioning [2, 5], got [1, 5]',
    );
    expect(() => model.forward(tf.zeros([2, 143], 'int32'), prepared)).toThrow('expected tokenIds [2, 144]');
    expect(() => model.forward(tf.zeros([2, 144]), prepared)).toThrow('expected tokenIds of int32, got float32');
    expect(tokenIds.shape).toEqual([2, 144]);
  });

  it('names parameters that are missing', () => {
    const parameters = new Map(model.parameters);
    parameters.delete('mlm_layer.conv2.weight');
    expect(() => new UViT(backend, model.config, parameters)).toThrow(WeightError);
    expect(() => new UViT(backend, model.config, parameters)).toThrow('mlm_layer.conv2.weight');
  });
});
