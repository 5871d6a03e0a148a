import { initParameters } from '@muse/checkpoint';
import { describeBackends } from '@muse/test-utils';
import { patchDiscriminatorPresets, VQGAN, vqganParameters, vqganPresets } from '@muse/vqgan';
import { expect, it } from 'vitest';
import { trainBase, trainSuperRes, trainTokenizer } from '../src/index.js';
import { fineConfig, untrainedBase, vqganOf } from './baseModel.js';
import { memoryRunFolder } from './memoryRunFolder.js';
import { stripes } from './stripes.js';

const settings = { numSteps: 3, batchSize: 2, warmupSteps: 0, learningRate: 1e-3, checkpointEvery: 3, previewEvery: 0 };

// Numbers of the third step as `tensorflow` had them: a wrong gradient anywhere in the first two moves them.
describeBackends('training', (backend) => {
  it('steps a tokenizer with codes and discriminator', async () => {
    const { metrics } = await trainTokenizer({
      backend: backend(),
      run: memoryRunFolder(),
      dataset: stripes(16, 11),
      config: 'tiny',
      discriminatorConfig: patchDiscriminatorPresets.tiny,
      settings: { ...settings, quantizerStartStep: 0, loss: { discriminatorStartStep: 1 } },
    });
    expect(metrics.pixel).toBeCloseTo(0.62027, 4);
    expect(metrics.commitment).toBeCloseTo(0.11503, 4);
    expect(metrics.adversarial).toBeCloseTo(-0.54724, 4);
    expect(metrics.discriminator).toBeCloseTo(1.12046, 4);
    expect(metrics.gradientNorm).toBeCloseTo(1.65908, 3);
    expect(metrics.discriminatorGradientNorm).toBeCloseTo(4.16063, 3);
    expect(metrics.usedCodes).toBe(10);
  });

  it('steps a transformer with its text encoder', async () => {
    const vqgan = new VQGAN(
      backend(),
      vqganPresets.tiny,
      initParameters(backend(), vqganParameters(vqganPresets.tiny), 5),
    );
    const { metrics } = await trainBase({
      backend: backend(),
      run: memoryRunFolder(),
      dataset: stripes(16, 11),
      vqgan,
      words: ['upright', 'lying', 'stripes', 'bars'],
      config: 'tiny',
      textConfig: 'tiny',
      settings,
    });
    expect(metrics.loss).toBeCloseTo(2.52871, 4);
    expect(metrics.accuracy).toBeCloseTo(0.15476, 4);
    expect(metrics.gradientNorm).toBeCloseTo(3.28191, 3);
    vqgan.dispose();
  });

  it('steps a super-resolution transformer', async () => {
    const vqgan = vqganOf(backend(), fineConfig, 8);
    const { metrics } = await trainSuperRes({
      backend: backend(),
      run: memoryRunFolder(),
      images: { fine: stripes(32, 11), coarse: stripes(16, 11) },
      baseModel: await untrainedBase(backend()),
      vqgan,
      config: 'tiny',
      settings,
    });
    expect(metrics.loss).toBeCloseTo(2.51007, 4);
    expect(metrics.accuracy).toBeCloseTo(0.20833, 4);
    expect(metrics.gradientNorm).toBeCloseTo(2.86537, 3);
    vqgan.dispose();
  });
});
