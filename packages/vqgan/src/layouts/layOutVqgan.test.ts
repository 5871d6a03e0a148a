import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ConfigError, createBackend, WeightError } from '@muse/backend';
import {
  type Checkpoint,
  encodeSafetensors,
  initParameters,
  type ModelComponent,
  memoryFolder,
  openCheckpoint,
  type TensorData,
  toFilePermutation,
} from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { expectTensorClose, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { amusedComponent, channelsLast, goldenComponent } from '../../test/golden.js';
import { resolveVQGANConfig, type VQGANConfig } from '../config.js';
import { loadVQGAN } from '../loadVqgan.js';
import { vqganParameters } from '../parameters.js';
import { layOutVQGAN } from './layOutVqgan.js';
import { openVQGAN, type VQGANLayout } from './openVqgan.js';

function published(layout: 'taming' | 'maskgit' | 'vqmodel'): ModelComponent {
  const folder = nodeFolder(fixturePath(`vqgan/${layout}`));
  const config: unknown =
    layout === 'vqmodel' ? JSON.parse(readFileSync(fixturePath('vqgan/vqmodel/config.json'), 'utf8')) : undefined;
  return { name: layout, config, folder, checkpoint: () => openCheckpoint(folder) };
}

async function tensorsOf(checkpoint: Checkpoint): Promise<Map<string, TensorData>> {
  const tensors = new Map<string, TensorData>();
  for (const name of checkpoint.names) {
    const { dtype } = checkpoint.info(name);
    tensors.set(name, { ...(await checkpoint.read(name)), dtype });
  }
  return tensors;
}

function component(config: unknown, file: string, tensors: Map<string, TensorData>): ModelComponent {
  const folder = memoryFolder('memory', new Map([[file, encodeSafetensors(tensors)]]));
  return { name: 'memory', config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** A VQGAN in another layout, written as files and opened again. */
async function laidOut(source: ModelComponent, layout: VQGANLayout): Promise<ModelComponent> {
  const { config, checkpoint, file } = layOutVQGAN(await openVQGAN(source), layout);
  return component(JSON.parse(JSON.stringify(config)), file, await tensorsOf(checkpoint));
}

/** What a file holds: of each tensor name, dtype, shape and a hash of its bytes. */
async function contentOf(source: ModelComponent): Promise<string[]> {
  const checkpoint = await source.checkpoint();
  const content: string[] = [];
  for (const name of checkpoint.names) {
    const { dtype, shape } = checkpoint.info(name);
    const hash = createHash('sha256')
      .update((await checkpoint.readBytes!(name))!)
      .digest('hex');
    content.push(`${name} ${dtype} [${shape}] ${hash}`);
  }
  await checkpoint.close();
  return content.sort();
}

async function made(config: VQGANConfig): Promise<ModelComponent> {
  const backend = await createBackend({ device: 'cpu' });
  const specs = vqganParameters(config);
  const parameters = initParameters(backend, specs, 3);
  const tensors = new Map<string, TensorData>();
  for (const { name, shape, layout } of specs) {
    const axes = toFilePermutation(layout);
    const tensor = axes ? tf.transpose(parameters.get(name)!, axes) : parameters.get(name)!;
    tensors.set(name, { dtype: 'F32', shape, data: (await tensor.data()) as Float32Array });
  }
  for (const tensor of parameters.values()) tensor.dispose();
  return component(config, 'model.safetensors', tensors);
}

describe('layOutVQGAN', () => {
  it('writes diffusers’ VQModel as diffusers does: config, names and shapes', async () => {
    // Of the same sizes as aMUSEd's tiny one, which diffusers saved.
    const ours = goldenComponent('diffusers');
    const vqModel = await laidOut(ours, 'diffusers');
    const saved = JSON.parse(readFileSync(fixturePath('amused/amused-tiny/vqvae/config.json'), 'utf8'));
    const { _diffusers_version, scaling_factor, ...fields } = saved;
    expect(vqModel.config).toEqual(fields);
    const named = async (source: ModelComponent) => {
      const checkpoint = await source.checkpoint();
      return checkpoint.names.map((name) => `${name} ${checkpoint.info(name).shape.join()}`).sort();
    };
    expect(await named(vqModel)).toEqual(await named(await amusedComponent()));
    expect(await vqModel.folder.has('diffusion_pytorch_model.safetensors')).toBe(true);
  });

  it('loses nothing on the way to diffusers and back', async () => {
    const ours = goldenComponent('diffusers');
    const back = await laidOut(await laidOut(ours, 'diffusers'), 'muse');
    expect(back.config).toEqual(ours.config);
    expect(await contentOf(back)).toEqual(await contentOf(ours));
    const amused = await amusedComponent();
    expect(await contentOf(await laidOut(await laidOut(amused, 'muse'), 'diffusers'))).toEqual(await contentOf(amused));
  });

  it('loses nothing of taming’s on the way to ours and back', async () => {
    const taming = published('taming');
    const back = await laidOut(await laidOut(taming, 'muse'), 'taming');
    expect(await contentOf(back)).toEqual(await contentOf(taming));
    expect(back.config).toEqual({
      model: {
        target: 'taming.models.vqgan.VQModel',
        params: {
          embed_dim: 11,
          n_embed: 37,
          ddconfig: {
            double_z: false,
            z_channels: 11,
            resolution: 64,
            in_channels: 3,
            out_ch: 3,
            ch: 32,
            ch_mult: [1, 1, 2],
            num_res_blocks: 1,
            attn_resolutions: [16],
            dropout: 0,
          },
          lossconfig: { target: 'taming.modules.losses.vqperceptual.DummyLoss' },
        },
      },
    });
  });

  it('loses nothing of attention and pixels in [−1, 1] on the way to diffusers and back', async () => {
    const taming = published('taming');
    const vqModel = await laidOut(taming, 'diffusers');
    expect(vqModel.config).toMatchObject({
      down_block_types: ['DownEncoderBlock2D', 'DownEncoderBlock2D', 'AttnDownEncoderBlock2D'],
      up_block_types: ['AttnUpDecoderBlock2D', 'UpDecoderBlock2D', 'UpDecoderBlock2D'],
      mid_block_add_attention: true,
      lookup_from_codebook: false,
    });
    expect(await contentOf(await laidOut(vqModel, 'taming'))).toEqual(await contentOf(taming));
    const saved = published('vqmodel');
    const ours = await laidOut(saved, 'muse');
    expect(ours.config).toMatchObject({ imageSize: 16, structure: { attentionLevels: [2], pixelRange: 'symmetric' } });
    expect(await contentOf(await laidOut(ours, 'diffusers'))).toEqual(await contentOf(saved));
  });

  it('knows every name of taming’s: attention on several levels, wider blocks, the image size', async () => {
    const config = resolveVQGANConfig({
      imageSize: 48,
      blockOutChannels: [32, 64, 96],
      layersPerBlock: 2,
      codebookSize: 13,
      codebookDim: 7,
      structure: { attentionLevels: [1, 2], hasMidAttention: true, pixelRange: 'symmetric' },
    });
    const ours = await made(config);
    const taming = await laidOut(ours, 'taming');
    const names = (await taming.checkpoint()).names;
    for (const name of [
      'encoder.down.1.attn.1.proj_out.weight',
      'decoder.up.2.attn.2.norm.bias',
      'decoder.up.0.block.0.nin_shortcut.weight',
      'encoder.down.0.downsample.conv.weight',
      'decoder.up.1.upsample.conv.bias',
      'decoder.mid.attn_1.k.weight',
      'encoder.norm_out.weight',
    ]) {
      expect(names).toContain(name);
    }
    expect((await taming.checkpoint()).info('decoder.mid.attn_1.q.weight').shape).toEqual([96, 96, 1, 1]);
    expect(taming.config).toMatchObject({ model: { params: { ddconfig: { attn_resolutions: [24, 12] } } } });
    const back = await openVQGAN(taming);
    expect({ layout: back.layout, config: back.config }).toEqual({ layout: 'taming', config });
    expect(await contentOf(await laidOut(taming, 'muse'))).toEqual(await contentOf(ours));
  });

  it.each(['taming', 'maskgit'] as const)(
    'makes a VQGAN of ours that gives the ids and pixels of %s',
    async (layout) => {
      const backend = await createBackend({ device: 'cpu' });
      const golden = (file: string) => loadGolden(fixturePath(`vqgan/${layout}/${file}.safetensors`));
      const vqgan = await loadVQGAN(backend, await laidOut(published(layout), 'muse'));
      const images = channelsLast(backend, golden('inputs').get('images')!);
      const expected = golden('expected');
      const ids = vqgan.encode(images);
      await expectTensorClose(ids, expected.get('token_ids')!, 0, 'token ids');
      const pixels = vqgan.decodeLatents(backend.ops.embedding(vqgan.codebook, ids) as tf.Tensor4D);
      const wanted = channelsLast(backend, expected.get('decoded')!);
      await expectTensorClose(pixels, { shape: wanted.shape, data: await wanted.data() }, 1e-4, 'pixels');
      tf.dispose([images, ids, pixels, wanted]);
      vqgan.dispose();
    },
  );

  it.each<[string, VQGANLayout, () => ModelComponent, RegExp]>([
    [
      'a decoder of its own',
      'diffusers',
      () => goldenComponent('tiny'),
      /the layout diffusers can hold, got one with a decoder of 9, 12, 15 channels and an encoder of 6, 9, 15.*; with decoderLayersPerBlock 2 and layersPerBlock 1/,
    ],
    ['averages', 'diffusers', () => published('maskgit'), /averages in the place of strided convolutions; with 1×1/],
    [
      'our own structure',
      'taming',
      () => goldenComponent('diffusers'),
      /norms of 3 groups.*no attention in the middle.*pixels in \[0, 1\].*channels 6, 12, 15, where taming's are multiples/,
    ],
    ['whatever', 'maskgit', () => published('maskgit'), /expected a layout that is written too.*only read/],
  ])('refuses what a layout can’t hold: %s, as %s', async (_, layout, source, message) => {
    const opened = await openVQGAN(source());
    expect(() => layOutVQGAN(opened, layout)).toThrow(ConfigError);
    expect(() => layOutVQGAN(opened, layout)).toThrow(message);
  });

  it('refuses weights that do not fit their config', async () => {
    const { config, checkpoint } = await openVQGAN(goldenComponent('diffusers'));
    const tensors = await tensorsOf(checkpoint);
    tensors.delete('quant_conv.bias');
    const opened = await openVQGAN(component(config, 'model.safetensors', tensors));
    expect(() => layOutVQGAN(opened, 'diffusers')).toThrow(WeightError);
    expect(() => layOutVQGAN(opened, 'diffusers')).toThrow(/1 missing:\s+quant_conv\.bias \[7\]/);
  });
});
