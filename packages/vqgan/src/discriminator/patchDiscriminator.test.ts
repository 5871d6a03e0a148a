import { type Backend, ConfigError, createBackend, ShapeError } from '@muse/backend';
import { countParameters, initParameters } from '@muse/checkpoint';
import { expectClose, expectNoLeaks } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  PatchDiscriminator,
  type PatchDiscriminatorConfig,
  patchDiscriminatorParameters,
  patchDiscriminatorPresets,
} from './patchDiscriminator.js';

describe('PatchDiscriminator', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
  });
  afterAll(() => backend.dispose());

  const fresh = (config: PatchDiscriminatorConfig) =>
    new PatchDiscriminator(backend, config, initParameters(backend, patchDiscriminatorParameters(config), 13));

  it('has the parameters of taming with group norm, counted by hand', () => {
    const conv = (i: number, o: number) => o * i * 16 + o;
    const layers = conv(64, 128) + 256 + conv(128, 256) + 512 + conv(256, 512) + 1024;
    expect(countParameters(patchDiscriminatorParameters(patchDiscriminatorPresets.paper))).toBe(
      conv(3, 64) + layers + conv(512, 1),
    );
  });

  it('stops doubling at eight times the first width', () => {
    const specs = patchDiscriminatorParameters({ channels: 2, numLayers: 5, normNumGroups: 1 });
    const widths = specs.filter(({ shape }) => shape.length === 4).map(({ shape }) => shape[0]);
    expect(widths).toEqual([2, 4, 8, 16, 16, 16, 1]);
  });

  it.each([
    [64, 64, 6, 6],
    [40, 88, 3, 9],
    [24, 31, 1, 1],
  ])('scores %i × %i pixels on %i × %i patches', (H, W, h, w) => {
    const discriminator = fresh(patchDiscriminatorPresets.emoji);
    expect(discriminator.forward(tf.zeros([2, H, W, 3])).shape).toEqual([2, h, w, 1]);
  });

  it('scores overlapping patches of 70 × 70 pixels with three layers', async () => {
    const config = { channels: 2, numLayers: 3, normNumGroups: 1 };
    const discriminator = fresh(config);
    // Without group norm, which sees the whole image.
    const withoutNorm = { ...backend, ops: { ...backend.ops, groupNorm: (x: tf.Tensor4D) => tf.clone(x) } };
    const local = new PatchDiscriminator(withoutNorm, config, discriminator.parameters);
    const centre = tf.grad((x: tf.Tensor) => tf.slice(local.forward(x as tf.Tensor4D), [0, 6, 6, 0], [1, 1, 1, 1]));
    const gradient = await tf.max(tf.abs(centre(tf.randomUniform([1, 120, 120, 3], 0, 1, 'float32', 17))), 3).array();
    const isSeen = (gradient as number[][][])[0]!.map((row) => row.some((g) => g !== 0));
    expect(isSeen.filter(Boolean).length).toBe(70);
    expect(isSeen.lastIndexOf(true) - isSeen.indexOf(true)).toBe(69);
  });

  it('scores each image by itself', async () => {
    const discriminator = fresh(patchDiscriminatorPresets.tiny);
    const images = tf.randomUniform<tf.Rank.R4>([3, 16, 13, 3], 0, 1, 'float32', 19);
    const together = await discriminator.forward(images).data();
    const alone = await discriminator.forward(tf.slice(images, 1, 1)).data();
    expectClose(alone, together.subarray(alone.length, 2 * alone.length), 1e-5);
  });

  it('refuses images smaller than a patch', () => {
    const discriminator = fresh(patchDiscriminatorPresets.tiny);
    expect(() => discriminator.forward(tf.zeros([1, 12, 11, 3]))).toThrow(ShapeError);
    expect(() => discriminator.forward(tf.zeros([1, 12, 11, 3]))).toThrow(
      'expected H and W of at least 12, got 12 × 11',
    );
    expect(discriminator.forward(tf.zeros([1, 12, 12, 3])).shape).toEqual([1, 1, 1, 1]);
  });

  it.each([
    [{ channels: 0, numLayers: 2, normNumGroups: 1 }, 'expected channels to be an integer of at least 1, got 0'],
    [{ channels: 6, numLayers: 1.5, normNumGroups: 1 }, 'expected numLayers to be an integer of at least 1, got 1.5'],
    [{ channels: 6, numLayers: 2, normNumGroups: 4 }, 'expected channels to be a multiple of normNumGroups 4, got 6'],
  ])('refuses %j', (config, message) => {
    expect(() => patchDiscriminatorParameters(config)).toThrow(ConfigError);
    expect(() => patchDiscriminatorParameters(config)).toThrow(message);
  });

  it('leaks no tensor', async () => {
    const images = tf.zeros<tf.Rank.R4>([1, 12, 12, 3]);
    await expectNoLeaks(backend, () => {
      const discriminator = fresh(patchDiscriminatorPresets.tiny);
      discriminator.forward(images).dispose();
      discriminator.dispose();
    });
  });
});
