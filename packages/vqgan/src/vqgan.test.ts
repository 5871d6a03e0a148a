import { type Backend, createBackend, ShapeError } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { describeBackends, expectNoLeaks, expectTensorClose, type Golden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  amusedComponent,
  channelsLast,
  goldenComponent,
  goldenInput,
  goldens,
  goldenTensorOf,
  tolerance,
} from '../test/golden.js';
import { resolveVQGANConfig } from './config.js';
import { loadVQGAN } from './loadVqgan.js';
import { loadVQModel } from './loadVqModel.js';
import { vqganParameters } from './parameters.js';
import { VQGAN, type VQGANPart } from './vqgan.js';

describeBackends('VQGAN', (backend) => {
  describe('against the PyTorch reference', () => {
    const expected = goldens('tiny', 'expected');
    let vqgan: VQGAN;
    let images: tf.Tensor4D;
    beforeAll(async () => {
      if (!backend()) return; // the device is missing and the tests are skipped
      vqgan = await loadVQGAN(backend(), goldenComponent('tiny'));
      images = goldenInput(backend(), 'tiny', 'images');
    });

    it('encodes to its latents, before clipping reconstructs its pixels', async () => {
      const { latents, tokenIds, reconstructed } = vqgan.reconstruct(images);
      await expectTensorClose(latents, expected.get('latents')!, tolerance, 'latents');
      await expectTensorClose(tokenIds, expected.get('token_ids')!, 0, 'token ids');
      await expectTensorClose(reconstructed, expected.get('reconstructed')!, tolerance, 'pixels');
    });

    it('encodes to its token ids', async () => {
      const tokenIds = vqgan.encode(images);
      expect(tokenIds.dtype).toBe('int32');
      await expectTensorClose(tokenIds, expected.get('token_ids')!, 0, 'token ids');
    });

    it('decodes to its pixels, clipped to [0, 1]', async () => {
      const decoded = vqgan.decode(goldenInput(backend(), 'tiny', 'token_ids'));
      await expectTensorClose(decoded, expected.get('decoded')!, tolerance, 'pixels');
      const pixels = await decoded.data();
      expect([Math.min(...pixels), Math.max(...pixels)]).toEqual([0, 1]);
    });

    it('is the same in parts, which may dispose what they are given', async () => {
      await expectNoLeaks(backend(), async () => {
        const run = (input: tf.Tensor, parts: readonly VQGANPart[]) => {
          let [x, numDisposed] = [input, 0];
          for (const [at, part] of parts.entries()) {
            const before = x;
            x = tf.tidy(() => part(before, at > 0));
            if (before.isDisposed) numDisposed++;
            else if (at > 0) before.dispose();
          }
          return { result: x, numDisposed };
        };
        const tokenIds = goldenInput(backend(), 'tiny', 'token_ids');
        for (const [input, parts, whole] of [
          [images, vqgan.encodeParts(), vqgan.encode(images)],
          [tokenIds, vqgan.decodeParts(), vqgan.decode(tokenIds)],
        ] as const) {
          const { result, numDisposed } = run(input, parts);
          expect([...(await result.data())]).toEqual([...(await whole.data())]);
          // Each but the first begins with a block whose width changes, which so need not keep its input.
          expect(numDisposed).toBe(parts.length - 1);
          tf.dispose([result, whole]);
        }
        tokenIds.dispose();
      });
    });

    it('leaks no tensor, in or outside of a tidy', async () => {
      const tokenIds = goldenInput(backend(), 'tiny', 'token_ids');
      await expectNoLeaks(backend(), () => {
        tf.dispose([vqgan.encode(images), vqgan.decode(tokenIds)]);
        tf.dispose({ ...vqgan.reconstruct(images) });
        tf.tidy(() => void vqgan.reconstruct(images));
      });
    });
  });

  it("loads a file in aMUSEd's published layout; ids and unclipped pixels are those of diffusers", async () => {
    const [inputs, expected] = [goldens('amused', 'inputs'), goldens('amused', 'expected')];
    const vqgan = await loadVQModel(backend(), await amusedComponent());
    const images = channelsLast(backend(), inputs.get('vq.images')!);
    const close = async (actual: tf.Tensor, name: string) => {
      const wanted = channelsLast(backend(), expected.get(name)!);
      await expectTensorClose(actual, { shape: wanted.shape, data: await wanted.data() }, tolerance, name);
    };
    await close(vqgan.encodeLatents(images), 'vq.latents');
    await expectTensorClose(vqgan.encode(images), expected.get('vq.indices')!, 0, 'token ids');
    const codes = goldenTensorOf(backend(), inputs, 'vq.codes');
    await close(vqgan.decodeLatents(backend().ops.embedding(vqgan.codebook, codes) as tf.Tensor4D), 'vq.decoded');
  });

  it('reads a VQModel and images that are not square as diffusers does', async () => {
    const expected = goldens('diffusers', 'expected');
    const vqgan = await loadVQGAN(backend(), goldenComponent('diffusers'));
    const images = goldenInput<tf.Tensor4D>(backend(), 'diffusers', 'images');
    await expectTensorClose(vqgan.encodeLatents(images), expected.get('latents')!, tolerance, 'latents');
    await expectTensorClose(vqgan.encode(images), expected.get('token_ids')!, 0, 'token ids');
    const decoded = vqgan.decode(goldenInput(backend(), 'diffusers', 'token_ids'));
    await expectTensorClose(decoded, expected.get('decoded')!, tolerance, 'pixels');
  });
});

describe('VQGAN', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
  });
  afterAll(() => backend.dispose());

  it('is fully convolutional: any multiple of the factor, square or not', () => {
    const vqgan = freshVqgan(backend);
    for (const [h, w] of [
      [1, 1],
      [1, 5],
      [7, 2],
    ] as const) {
      tf.tidy(() => {
        const tokenIds = vqgan.encode(tf.zeros([3, 2 * h, 2 * w, 3]));
        expect(tokenIds.shape).toEqual([3, h, w]);
        expect(vqgan.decode(tokenIds).shape).toEqual([3, 2 * h, 2 * w, 3]);
      });
    }
  });

  it('encodes each image of a batch as it does alone', async () => {
    const vqgan = freshVqgan(backend);
    const images = tf.randomUniform<tf.Rank.R4>([3, 14, 10, 3], 0, 1, 'float32', 7);
    const together = [...(await vqgan.encode(images).data())];
    const alone = await Promise.all([0, 1, 2].map((i) => vqgan.encode(tf.slice(images, i, 1)).data()));
    expect(alone.flatMap((ids) => [...ids])).toEqual(together);
    expect(new Set(together).size).toBeGreaterThan(1);
  });

  it.each([
    ['height', [1, 7, 4, 3], 'expected H and W to be multiples of 2, got 7 × 4'],
    ['width', [1, 4, 9, 3], 'expected H and W to be multiples of 2, got 4 × 9'],
    ['size', [1, 0, 4, 3], 'expected H and W to be multiples of 2, got 0 × 4'],
    ['channels', [1, 4, 4, 4], 'expected images [B, H, W, 3], got [1, 4, 4, 4]'],
  ] as const)('refuses images of the wrong %s', (_, shape, message) => {
    const vqgan = freshVqgan(backend);
    const images = tf.zeros<tf.Rank.R4>([...shape]);
    expect(() => vqgan.encode(images)).toThrow(ShapeError);
    expect(() => vqgan.encode(images)).toThrow(`[vqgan] encode: ${message}`);
  });

  it('refuses float ids and latents of another width', () => {
    const vqgan = freshVqgan(backend);
    expect(() => vqgan.decode(tf.zeros([1, 2, 3]))).toThrow('[vqgan] decode: expected tokenIds int32, got float32');
    expect(() => vqgan.decode(tf.zeros([6], 'int32'))).toThrow('expected tokenIds [B, h, w], got [6]');
    expect(() => vqgan.decodeLatents(tf.zeros([1, 2, 3, 4]))).toThrow(
      'expected quantized [B, h, w, 5], got [1, 2, 3, 4]',
    );
  });

  it('reads its parameters at each call', async () => {
    const vqgan = freshVqgan(backend);
    vqgan.parameters.set('decoder.conv_out.weight', tf.zeros([3, 3, 6, 3]));
    vqgan.parameters.set('decoder.conv_out.bias', tf.tensor1d([0.25, 0.5, 0.75]));
    const pixels = await vqgan.decode(tf.zeros([1, 2, 3], 'int32')).data();
    expect([...pixels].slice(0, 6)).toEqual([0.25, 0.5, 0.75, 0.25, 0.5, 0.75]);
  });

  it('names a tensor that it misses', () => {
    const vqgan = freshVqgan(backend);
    vqgan.parameters.delete('encoder.conv_in.bias');
    expect(() => vqgan.encode(tf.zeros([1, 2, 2, 3]))).toThrow('expected a tensor encoder.conv_in.bias, got none');
  });

  it('gives everything back when disposed', async () => {
    await expectNoLeaks(backend, () => freshVqgan(backend).dispose());
  });
});

describe('loadVQGAN', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'cpu' });
  });
  afterAll(() => backend.dispose());

  it('refuses weights that do not fit the config, naming them, and keeps nothing', async () => {
    const component = goldenComponent('tiny');
    const wider = { ...component, config: { ...(component.config as object), codebookSize: 31 } };
    await expectNoLeaks(backend, async () => {
      await expect(loadVQGAN(backend, wider)).rejects.toThrow(
        'quantize.embedding.weight expected [31, 7], got [29, 7]',
      );
    });
  });

  it('refuses a config of another kind of model', async () => {
    const component = { ...goldenComponent('tiny'), config: { block_out_channels: [6, 12] } };
    await expect(loadVQGAN(backend, component)).rejects.toThrow('expected layersPerBlock to be an integer');
  });

  it('loads the values of the file', async () => {
    const vqgan = await loadVQGAN(backend, goldenComponent('tiny'));
    const golden: Golden = goldens('tiny', 'inputs').get('token_ids')!;
    expect(vqgan.decode(goldenInput(backend, 'tiny', 'token_ids')).shape).toEqual([golden.shape[0], 12, 20, 3]);
    expect(vqgan.downsampleFactor).toBe(4);
    vqgan.dispose();
  });
});

function freshVqgan(backend: Backend): VQGAN {
  const config = resolveVQGANConfig('tiny');
  return new VQGAN(backend, config, initParameters(backend, vqganParameters(config), 3));
}
