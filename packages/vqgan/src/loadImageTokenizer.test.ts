import { readFileSync } from 'node:fs';
import { createBackend, WeightError } from '@muse/backend';
import {
  encodeSafetensors,
  type ModelComponent,
  memoryFolder,
  openCheckpoint,
  type TensorData,
} from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { describeBackends, expectNoLeaks, expectTensorClose, goldenTensor, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { channelsLast, goldenComponent, tolerance } from '../test/golden.js';
import { loadImageTokenizer } from './loadImageTokenizer.js';
import { maskgitVQGAN } from './maskgit/weights.js';
import { tamingVQGAN } from './taming/weights.js';

type Layout = 'taming' | 'maskgit' | 'vqmodel';

// Made by internal/fixtures/python/vqgan_layouts.py with the classes of taming-transformers, of MaskGIT's port and of diffusers.
const goldens = (layout: Layout, file: 'inputs' | 'expected') =>
  loadGolden(fixturePath(`vqgan/${layout}/${file}.safetensors`));

function published(layout: Layout): ModelComponent {
  const folder = nodeFolder(fixturePath(`vqgan/${layout}`));
  const config: unknown =
    layout === 'vqmodel' ? JSON.parse(readFileSync(fixturePath('vqgan/vqmodel/config.json'), 'utf8')) : undefined;
  return { name: layout, config, folder, checkpoint: () => openCheckpoint(folder) };
}

async function changed(layout: Layout, change: (tensors: Map<string, TensorData>) => void): Promise<ModelComponent> {
  const checkpoint = await published(layout).checkpoint();
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) tensors.set(name, await checkpoint.read(name));
  await checkpoint.close();
  change(tensors);
  const folder = memoryFolder('memory', new Map([['model.safetensors', encodeSafetensors(tensors)]]));
  return { ...published(layout), folder, checkpoint: () => openCheckpoint(folder) };
}

describeBackends('a published VQGAN', (backend) => {
  it.each<Layout>(['taming', 'maskgit', 'vqmodel'])('gives the latents, ids and pixels of %s', async (layout) => {
    const [inputs, expected] = [goldens(layout, 'inputs'), goldens(layout, 'expected')];
    const vqgan = await loadImageTokenizer(backend(), published(layout));
    const images = channelsLast(backend(), inputs.get('images')!);
    const close = async (actual: tf.Tensor, name: string) => {
      const wanted = channelsLast(backend(), expected.get(name)!);
      await expectTensorClose(actual, { shape: wanted.shape, data: await wanted.data() }, tolerance, name);
    };
    await close(vqgan.encodeLatents(images), 'latents');
    await expectTensorClose(vqgan.encode(images), expected.get('token_ids')!, 0, 'token ids');
    const ids = goldenTensor(backend(), expected.get('token_ids')!);
    await close(vqgan.decodeLatents(backend().ops.embedding(vqgan.codebook, ids) as tf.Tensor4D), 'decoded');
    vqgan.dispose();
  });

  it('keeps nothing but its results, and gives the parameters back', async () => {
    await expectNoLeaks(backend(), async () => {
      const vqgan = await loadImageTokenizer(backend(), published('taming'));
      const loaded = tf.memory().numTensors;
      const images = tf.zeros<tf.Rank.R4>([1, 8, 12, 3]);
      const ids = vqgan.encode(images);
      const pixels = vqgan.decode(ids);
      expect(tf.memory().numTensors).toBe(loaded + 3);
      tf.dispose([images, ids, pixels]);
      vqgan.dispose();
    });
  });
});

describe('layouts', () => {
  it('are told by names and shapes: taming’s has attention and pixels in [−1, 1]', async () => {
    const { config } = tamingVQGAN(await published('taming').checkpoint());
    expect(config).toEqual({
      imageSize: 64,
      blockOutChannels: [32, 32, 64],
      layersPerBlock: 1,
      decoderBlockOutChannels: [32, 32, 64],
      decoderLayersPerBlock: 1,
      normNumGroups: 32,
      codebookSize: 37,
      codebookDim: 11,
      structure: {
        attentionLevels: [2],
        hasMidAttention: true,
        downsampling: 'conv',
        shortcutOf: 'input',
        pixelRange: 'symmetric',
      },
    });
  });

  it('are told by names and shapes: MaskGIT’s averages, and has as many blocks in the decoder as in the encoder', async () => {
    const { config } = maskgitVQGAN(await published('maskgit').checkpoint());
    expect(config).toMatchObject({
      layersPerBlock: 2,
      decoderLayersPerBlock: 1,
      structure: { attentionLevels: [], hasMidAttention: false, downsampling: 'average', shortcutOf: 'update' },
    });
  });

  it('leave the loss of taming’s checkpoints out', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const vqgan = await loadImageTokenizer(
      backend,
      await changed('taming', (tensors) =>
        tensors.set('loss.perceptual_loss.lin0.weight', tensors.get('quant_conv.bias')!),
      ),
    );
    expect(vqgan.config.codebookSize).toBe(37);
    vqgan.dispose();
  });

  it('leave ours and diffusers’ as they are', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const vqgan = await loadImageTokenizer(backend, goldenComponent('tiny'));
    expect(vqgan.config.codebookSize).toBe(29);
    const folder = nodeFolder(fixturePath('amused/amused-tiny/vqvae'));
    const config: unknown = JSON.parse(readFileSync(fixturePath('amused/amused-tiny/vqvae/config.json'), 'utf8'));
    const amused = { name: 'vqvae', config, folder, checkpoint: () => openCheckpoint(folder) };
    expect((await loadImageTokenizer(backend, amused)).downsampleFactor).toBe(4);
  });

  it('know diffusers’ attention by its former names too', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const former = await changed('vqmodel', (tensors) => {
      for (const [name, tensor] of [...tensors]) {
        const before = name
          .replace('.to_q.', '.query.')
          .replace('.to_k.', '.key.')
          .replace('.to_v.', '.value.')
          .replace('.to_out.0.', '.proj_attn.');
        if (before === name) continue;
        tensors.delete(name);
        tensors.set(before, tensor);
      }
      expect([...tensors.keys()].filter((name) => name.includes('.query.')).length).toBeGreaterThan(2);
    });
    const [now, then] = [
      await loadImageTokenizer(backend, published('vqmodel')),
      await loadImageTokenizer(backend, former),
    ];
    const ids = tf.tensor3d(
      Int32Array.from({ length: 6 }, (_, i) => 5 * i),
      [1, 2, 3],
      'int32',
    );
    expect(await then.decode(ids).data()).toEqual(await now.decode(ids).data());
    now.dispose();
    then.dispose();
  });

  it.each<[string, Layout, (tensors: Map<string, TensorData>) => void, RegExp]>([
    [
      'a norm that is missing',
      'maskgit',
      (all) => all.delete('decoder.norm_out.bias'),
      /1 missing:\s+decoder\.conv_norm_out\.bias \[32\]/,
    ],
    [
      'a weight that is missing',
      'taming',
      (all) => all.delete('encoder.mid.attn_1.q.weight'),
      /missing:\s+encoder\.mid_block\.attentions\.0\.to_q\.weight \[64, 64\]/,
    ],
    [
      'a codebook that is missing',
      'taming',
      (all) => all.delete('quantize.embedding.weight'),
      /expected a tensor quantize\.embedding\.weight, got none/,
    ],
    [
      'a tensor that nobody knows',
      'maskgit',
      (all) => all.set('encoder.mid.9.conv1.weight', all.get('encoder.conv_in.weight')!),
      /1 surplus:\s+encoder\.mid_block\.resnets\.9\.conv1\.weight/,
    ],
    [
      'a kernel of another size',
      'taming',
      (all) => reshape(all, 'decoder.conv_out.weight', [3, 32 * 9, 1, 1]),
      /misshapen:\s+decoder\.conv_out\.weight expected \[3, 32, 3, 3\], got \[3, 288, 1, 1\]/,
    ],
  ])('say what is wrong: %s', async (_, layout, change, message) => {
    const backend = await createBackend({ device: 'cpu' });
    const loading = loadImageTokenizer(backend, await changed(layout, change));
    await expect(loading).rejects.toThrow(WeightError);
    await expect(loading).rejects.toThrow(message);
  });
});

describe('a Gumbel VQGAN of taming-transformers', () => {
  // GumbelQuantize: a convolution to the logits of the codes, and their embeddings.
  const gumbel = () =>
    changed('taming', (all) => {
      const codebook = all.get('quantize.embedding.weight')!;
      all.delete('quantize.embedding.weight');
      all.set('quantize.embed.weight', codebook);
      all.set('quantize.proj.weight', { ...codebook, shape: [37, 11, 1, 1] });
      all.set('quantize.proj.bias', { dtype: 'F32', shape: [37], data: new Float32Array(37) });
    });

  it('is refused by its weights, with the file and what was expected', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const before = tf.memory().numTensors;
    const loading = loadImageTokenizer(backend, await gumbel());
    await expect(loading).rejects.toThrow(WeightError);
    await expect(loading).rejects.toThrow(
      'memory/model.safetensors: expected a VQGAN whose tokens are the nearest codes, with a tensor ' +
        'quantize.embedding.weight, got quantize.embed.weight, quantize.proj.bias, quantize.proj.weight of a Gumbel VQGAN',
    );
    expect(tf.memory().numTensors).toBe(before);
  });

  it('is refused by its config', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const config = (target: string) => ({ model: { target, params: { embed_dim: 11, n_embed: 37 } } });
    const component = await changed('taming', () => {});
    const loading = loadImageTokenizer(backend, { ...component, config: config('taming.models.vqgan.GumbelVQ') });
    await expect(loading).rejects.toThrow(
      'memory/config.json: expected a VQGAN whose tokens are the nearest codes, target taming.models.vqgan.VQModel, ' +
        'got taming.models.vqgan.GumbelVQ',
    );
    const plain = await loadImageTokenizer(backend, { ...component, config: config('taming.models.vqgan.VQModel') });
    expect(plain.config.codebookSize).toBe(37);
    plain.dispose();
  });
});

function reshape(tensors: Map<string, TensorData>, name: string, shape: number[]): void {
  tensors.set(name, { ...tensors.get(name)!, shape });
}
