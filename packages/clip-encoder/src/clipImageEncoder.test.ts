import { readFileSync } from 'node:fs';
import { type Backend, createBackend, WeightError } from '@muse/backend';
import { countParameters, initParameters, type ModelComponent, openCheckpoint } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import {
  describeBackends,
  expectClose,
  expectNoLeaks,
  expectTensorClose,
  goldenTensor,
  loadGolden,
} from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { ClipImageEncoder, clipSimilarity } from './clipImageEncoder.js';
import { clipPixels } from './clipPixels.js';
import { ClipTextEncoder } from './clipTextEncoder.js';
import { resolveClipImageConfig, resolveClipTextConfig } from './config.js';
import { loadClipImageEncoder, loadClipTextEncoder } from './loadClip.js';
import { clipImageParameters, clipTextParameters } from './parameters.js';

/** internal/fixtures/python/clip.py, transformers 4.57.6, seed 4711: a whole CLIPModel. */
const golden = loadGolden(fixturePath('clip/expected.safetensors'));
const tolerance = 1e-5;
/** CLIP ViT-L/14, whose text tower aMUSEd has, as transformers publishes it. */
const large = {
  model_type: 'clip',
  projection_dim: 768,
  text_config: { hidden_size: 768, intermediate_size: 3072, num_attention_heads: 12, projection_dim: 768 },
  vision_config: {
    hidden_size: 1024,
    intermediate_size: 4096,
    num_hidden_layers: 24,
    num_attention_heads: 16,
    patch_size: 14,
  },
};

function component(): ModelComponent {
  const folder = nodeFolder(fixturePath('clip'));
  const config: unknown = JSON.parse(readFileSync(fixturePath('clip/config.json'), 'utf8'));
  return { name: 'clip', config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** A picture of the golden with its pixels opaque. */
function picture(index: number) {
  const { shape, data } = golden.get(`picture.${index}`)!;
  const [height, width] = shape as [number, number, number];
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) rgba[4 * i + c] = data[3 * i + c]!;
  return { width, height, data: rgba };
}

describeBackends('CLIP', (running) => {
  it("gives transformers' features of images and texts, out of one file, and their cosines", async () => {
    const images = await loadClipImageEncoder(running(), component());
    const texts = await loadClipTextEncoder(running(), component());
    const states = images.forward(goldenTensor(running(), golden.get('pixels')!) as tf.Tensor4D);
    await expectTensorClose(states.last, golden.get('last')!, tolerance, 'states');
    await expectTensorClose(states.projected, golden.get('image')!, tolerance, 'images');
    const { ids, shape } = { ids: golden.get('ids')!.data as Int32Array, shape: [3, 31] as const };
    const { projected } = texts.forward({ ids, shape });
    await expectTensorClose(projected, golden.get('text')!, tolerance, 'texts');
    await expectTensorClose(clipSimilarity(states.projected, projected), golden.get('cosine')!, tolerance, 'cosines');
    images.dispose();
    texts.dispose();
  });

  it('leaks nothing', async () => {
    await expectNoLeaks(running(), async () => {
      const images = await loadClipImageEncoder(running(), component());
      const pixels = tf.zeros<tf.Rank.R4>([2, 35, 35, 3]);
      const { last, projected } = images.forward(pixels);
      clipSimilarity(projected, projected).dispose();
      tf.dispose([pixels, last, projected]);
      images.dispose();
    });
  });
});

describe('clipPixels', () => {
  it.each([0, 1, 2])("resizes, cuts and normalises picture %i as transformers' processor does", (index) => {
    const size = 35 * 35 * 3;
    const expected = golden.get('pixels')!.data.subarray(index * size, (index + 1) * size);
    expectClose(clipPixels(picture(index), 35), expected, 1e-5);
  });

  it('refuses what is no image', () => {
    expect(() => clipPixels({ width: 2, height: 2, data: new Uint8Array(12) }, 35)).toThrow(
      '[clip-encoder] clipPixels: expected an RGBA image, got 2 × 2 with 12 values',
    );
  });
});

describe('ClipImageEncoder', () => {
  it('has as many parameters as CLIP ViT-L/14', () => {
    expect(countParameters(clipImageParameters(resolveClipImageConfig(large)))).toBe(303_966_208);
    expect(countParameters(clipTextParameters(resolveClipTextConfig(large)))).toBe(123_650_304);
  });

  it('names what is missing, and pixels of another size', async () => {
    const backend: Backend = await createBackend({ device: 'cpu' });
    const config = resolveClipImageConfig(component().config);
    expect(() => new ClipImageEncoder(backend, config, new Map())).toThrow(WeightError);
    const encoder = new ClipImageEncoder(backend, config, initParameters(backend, clipImageParameters(config), 1));
    expect(() => encoder.forward(tf.zeros([1, 35, 36, 3]))).toThrow(
      'expected pixels [B, 35, 35, 3], got [1, 35, 36, 3]',
    );
    await backend.dispose();
  });
});

describe('ClipTextEncoder', () => {
  it('refuses ids out of range and too many of them', async () => {
    const backend = await createBackend({ device: 'cpu' });
    const config = resolveClipTextConfig(component().config);
    const encoder = new ClipTextEncoder(backend, config, initParameters(backend, clipTextParameters(config), 1));
    expect(() => encoder.forward({ ids: Int32Array.of(744), shape: [1, 1] })).toThrow('in [0, 744), got 744');
    expect(() => encoder.forward({ ids: new Int32Array(32), shape: [1, 32] })).toThrow('T at most 31');
    expect(() => encoder.encode(['a'])).toThrow('expected an encoder with a tokenizer, got one without');
    await backend.dispose();
  });
});
