import { countParameters } from '@muse/checkpoint';
import { describe, expect, it } from 'vitest';
import { resolveVQGANConfig, vqganPresetNames } from './config.js';
import { vqganParameters } from './parameters.js';

const count = (config: Parameters<typeof resolveVQGANConfig>[0]) =>
  countParameters(vqganParameters(resolveVQGANConfig(config)));

/** Weights and biases counted by hand, layer by layer. */
const conv = (i: number, o: number, k = 3) => o * i * k * k + o;
const resnet = (i: number, o: number) => 2 * i + conv(i, o) + 2 * o + conv(o, o) + (i === o ? 0 : conv(i, o, 1));

describe('vqganParameters', () => {
  it('counts the tiny preset as by hand', () => {
    const encoder = 168 + (684 + 330) + 1562 + 2 * 1860 + 20 + 455;
    const decoder = 460 + 2 * 1860 + (2 * 1860 + 910) + (974 + 684) + 12 + 165;
    expect(count('tiny')).toBe(encoder + 30 + 13 * 5 + 30 + decoder);
  });

  it('counts the emoji preset as by hand', () => {
    const encoder =
      conv(3, 16) +
      (resnet(16, 16) + conv(16, 16)) +
      (resnet(16, 32) + conv(32, 32)) +
      (resnet(32, 64) + conv(64, 64)) +
      resnet(64, 128) +
      (2 * resnet(128, 128) + 2 * 128 + conv(128, 16));
    const decoder =
      conv(16, 192) +
      2 * resnet(192, 192) +
      (2 * resnet(192, 192) + conv(192, 192)) +
      (resnet(192, 64) + resnet(64, 64) + conv(64, 64)) +
      (resnet(64, 32) + resnet(32, 32) + conv(32, 32)) +
      (resnet(32, 16) + resnet(16, 16)) +
      (2 * 16 + conv(16, 3));
    expect(encoder + decoder).toBe(966_112 + 3_360_707);
    expect(count('emoji')).toBe(encoder + decoder + 2 * (16 * 16 + 16) + 1024 * 16);
  });

  it('counts the f16 model of the paper as by hand', () => {
    expect(count('paper-f16')).toBe(26_143_232 + 2 * 65_792 + 8192 * 256 + 38_243_203);
  });

  it('counts the f8 model of the paper as by hand', () => {
    const encoder =
      conv(3, 128) +
      2 * (2 * resnet(128, 128) + conv(128, 128)) +
      (resnet(128, 256) + resnet(256, 256) + conv(256, 256)) +
      (resnet(256, 512) + resnet(512, 512)) +
      (2 * resnet(512, 512) + 2 * 512 + conv(512, 256));
    const decoder =
      conv(256, 512) +
      2 * resnet(512, 512) +
      (3 * resnet(512, 512) + conv(512, 512)) +
      (resnet(512, 256) + 2 * resnet(256, 256) + conv(256, 256)) +
      (resnet(256, 128) + 2 * resnet(128, 128) + conv(128, 128)) +
      3 * resnet(128, 128) +
      (2 * 128 + conv(128, 3));
    expect(count('paper-f8')).toBe(encoder + decoder + 2 * conv(256, 256, 1) + 8192 * 256);
  });

  it('counts the finetuned decoder of the paper as by hand', () => {
    const decoder =
      conv(256, 1024) +
      2 * resnet(1024, 1024) +
      (5 * resnet(1024, 1024) + conv(1024, 1024)) +
      (resnet(1024, 512) + 4 * resnet(512, 512) + conv(512, 512)) +
      (5 * resnet(512, 512) + conv(512, 512)) +
      (resnet(512, 256) + 4 * resnet(256, 256) + conv(256, 256)) +
      5 * resnet(256, 256) +
      (2 * 256 + conv(256, 3));
    expect(count('paper-f16-finetuned')).toBe(count('paper-f16') - 38_243_203 + decoder);
  });

  it('has as many as the README says', () => {
    expect(vqganPresetNames.map(count)).toEqual([17_709, 4_343_747, 66_615_171, 240_286_467, 59_529_091]);
  });

  it('has as many as the published VQModel of aMUSEd', () => {
    const amused = {
      imageSize: 256,
      blockOutChannels: [128, 256, 256, 512, 768],
      layersPerBlock: 2,
      codebookSize: 8192,
      codebookDim: 64,
    };
    expect(count(amused)).toBe(146_244_675);
  });

  it('widens only the decoder of the finetuned model', () => {
    const shapes = (name: 'paper-f16' | 'paper-f16-finetuned') =>
      vqganParameters(resolveVQGANConfig(name))
        .filter((spec) => !/^(decoder|post_quant_conv)\./.test(spec.name))
        .map(({ name: tensor, shape }) => `${tensor} ${shape.join()}`);
    expect(shapes('paper-f16-finetuned')).toEqual(shapes('paper-f16'));
    expect(count('paper-f16-finetuned')).toBeGreaterThan(3 * count('paper-f16'));
  });

  it('names every tensor once', () => {
    const names = vqganParameters(resolveVQGANConfig('paper-f8')).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('starts convolutions at variance 1 / fan-in', () => {
    const spec = vqganParameters(resolveVQGANConfig('tiny')).find(({ name }) => name === 'decoder.conv_in.weight')!;
    expect(spec).toMatchObject({
      shape: [10, 5, 3, 3],
      layout: 'conv',
      init: { kind: 'normal', std: 1 / Math.sqrt(45) },
    });
  });
});
