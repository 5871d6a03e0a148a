import { type Backend, createBackend } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { describeBackends, expectClose, expectNoLeaks, expectTensorClose } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  asVariables,
  goldenDiscriminator,
  goldenFeatureNetwork,
  goldenInput,
  goldens,
  goldenTrainable,
  inMemoryLayout,
  tolerance,
} from '../../test/golden.js';
import { resolveVQGANConfig } from '../config.js';
import {
  PatchDiscriminator,
  patchDiscriminatorParameters,
  patchDiscriminatorPresets,
} from '../discriminator/patchDiscriminator.js';
import { CODEBOOK, vqganParameters } from '../parameters.js';
import { VQGAN } from '../vqgan.js';
import { adaptiveAdversarialWeight } from './adaptiveWeight.js';
import { discriminatorLoss, isDiscriminatorActive, vqganGeneratorLoss, vqganLossDefaults } from './vqganLoss.js';

const expected = goldens('tiny', 'expected');
const taming = { codebookWeight: 0.7 };
const maskgit = { pixelKind: 'l2', adversarialKind: 'non-saturating' } as const;

describeBackends('losses against the PyTorch reference', (backend) => {
  const setUp = async () => ({
    vqgan: await goldenTrainable(backend()),
    discriminator: await goldenDiscriminator(backend()),
    featureNetwork: goldenFeatureNetwork(backend()),
    images: goldenInput<tf.Tensor4D>(backend(), 'tiny', 'images'),
  });

  it('gives its generator loss, terms and gradient of every parameter', async () => {
    const inputs = { ...(await setUp()), step: 0, options: taming };
    const { vqgan } = inputs;
    const terms = vqganGeneratorLoss(inputs).terms;
    for (const [name, term] of Object.entries(terms)) {
      expectClose(await term.data(), expected.get(`term.${name}`)!.data, tolerance, name);
    }
    const variables = [...vqgan.parameters.values()] as tf.Variable[];
    const { value, grads } = tf.variableGrads(() => vqganGeneratorLoss(inputs).loss, variables);
    expectClose(await value.data(), expected.get('loss')!.data, tolerance, 'loss');
    for (const spec of vqganParameters(vqgan.config)) {
      const gradient = grads[(vqgan.parameters.get(spec.name) as tf.Variable).name]!;
      const golden = inMemoryLayout(backend(), expected.get(`gradient.${spec.name}`)!, spec);
      const wanted = { shape: golden.shape, data: await golden.data() };
      await expectTensorClose(gradient, wanted, tolerance, `gradient of ${spec.name}`);
    }
  });

  it('gives its discriminator logits, loss and gradient of every parameter', async () => {
    const { vqgan, discriminator, images } = await setUp();
    const { reconstructed } = vqgan.reconstruct(images);
    await expectTensorClose(discriminator.forward(images), expected.get('logits_real')!, tolerance, 'real logits');
    await expectTensorClose(
      discriminator.forward(reconstructed),
      expected.get('logits_fake')!,
      tolerance,
      'fake logits',
    );
    const variables = [...discriminator.parameters.values()] as tf.Variable[];
    const { value, grads } = tf.variableGrads(
      () => discriminatorLoss({ discriminator, images, reconstructed }).loss,
      variables,
    );
    expectClose(await value.data(), expected.get('discriminator_loss')!.data, tolerance, 'loss');
    for (const spec of patchDiscriminatorParameters(discriminator.config)) {
      const gradient = grads[(discriminator.parameters.get(spec.name) as tf.Variable).name]!;
      const golden = inMemoryLayout(backend(), expected.get(`discriminator_gradient.${spec.name}`)!, spec);
      const wanted = { shape: golden.shape, data: await golden.data() };
      await expectTensorClose(gradient, wanted, tolerance, `gradient of ${spec.name}`);
    }
  });

  it('gives its losses of the other kinds, and its adaptive weight', async () => {
    const inputs = { ...(await setUp()), step: 0, options: maskgit };
    const { loss, terms, reconstructed } = vqganGeneratorLoss(inputs);
    expectClose(await loss.data(), expected.get('maskgit.loss')!.data, tolerance, 'loss');
    for (const [name, term] of Object.entries(terms)) {
      expectClose(await term.data(), expected.get(`maskgit.term.${name}`)!.data, tolerance, name);
    }
    const { adversarialKind } = maskgit;
    const ofDiscriminator = discriminatorLoss({ ...inputs, reconstructed, adversarialKind }).loss;
    expectClose(await ofDiscriminator.data(), expected.get('maskgit.discriminator_loss')!.data, tolerance);
    const weight = await adaptiveAdversarialWeight({ ...inputs, options: taming });
    expect(weight / expected.get('adaptive_weight')!.data[0]!).toBeCloseTo(1, 4);
  });
});

describe('vqganGeneratorLoss', () => {
  let backend: Backend;
  let vqgan: VQGAN;
  let discriminator: PatchDiscriminator;
  let images: tf.Tensor4D;
  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
    const config = resolveVQGANConfig('tiny');
    vqgan = new VQGAN(backend, config, asVariables(initParameters(backend, vqganParameters(config), 5)));
    const preset = patchDiscriminatorPresets.tiny;
    const weights = asVariables(initParameters(backend, patchDiscriminatorParameters(preset), 7));
    discriminator = new PatchDiscriminator(backend, preset, weights);
    images = tf.randomUniform([2, 14, 12, 3], 0, 1, 'float32', 11);
  });
  afterAll(() => backend.dispose());

  it('has the weights of the paper', () => {
    expect(vqganLossDefaults).toMatchObject({ perceptualWeight: 0.05, adversarialWeight: 0.1, commitmentWeight: 0.25 });
  });

  it('is the weighted sum of the terms that take part', async () => {
    const weights = { pixelWeight: 2, commitmentWeight: 3, codebookWeight: 5, adversarialWeight: 7 };
    const { loss, terms } = vqganGeneratorLoss({ vqgan, images, step: 0, options: weights, discriminator });
    expect(Object.keys(terms).sort()).toEqual(['adversarial', 'codebook', 'commitment', 'pixel']);
    const value = async (name: keyof typeof terms) => (await terms[name]!.data())[0]!;
    const sum =
      2 * (await value('pixel')) +
      3 * (await value('commitment')) +
      5 * (await value('codebook')) +
      7 * (await value('adversarial'));
    expectClose(await loss.data(), [sum], 1e-5);
  });

  it.each([
    [0, false],
    [16, false],
    [17, true],
    [18, true],
  ])('at step %i, with a discriminator from step 17, the adversarial term takes part: %s', (step, takesPart) => {
    const options = { discriminatorStartStep: 17 };
    const { terms } = vqganGeneratorLoss({ vqgan, images, step, options, discriminator });
    expect('adversarial' in terms).toBe(takesPart);
    expect(isDiscriminatorActive(step, options)).toBe(takesPart);
    expect(isDiscriminatorActive(step, { ...options, adversarialWeight: 0 })).toBe(false);
  });

  it('gives the codebook no gradient where an EMA moves it', () => {
    const variables = [...vqgan.parameters.values()] as tf.Variable[];
    const names = (codebookWeight: number) =>
      Object.keys(
        tf.variableGrads(
          () => vqganGeneratorLoss({ vqgan, images, step: 0, options: { codebookWeight } }).loss,
          variables,
        ).grads,
      );
    const codebook = (vqgan.parameters.get(CODEBOOK) as tf.Variable).name;
    expect(names(0)).not.toContain(codebook);
    expect(names(0).length).toBe(variables.length - 1);
    expect(names(1)).toContain(codebook);
  });

  it('leaks no tensor in a step of training', async () => {
    const generator = ([...vqgan.parameters.entries()] as [string, tf.Variable][])
      .filter(([name]) => name !== CODEBOOK)
      .map(([, variable]) => variable);
    const critic = [...discriminator.parameters.values()] as tf.Variable[];
    await expectNoLeaks(backend, () => {
      const kept: tf.Tensor[] = [];
      const { value, grads } = tf.variableGrads(() => {
        const result = vqganGeneratorLoss({ vqgan, images, step: 0, discriminator });
        kept.push(tf.keep(result.reconstructed));
        return result.loss;
      }, generator);
      const ofCritic = tf.variableGrads(
        () => discriminatorLoss({ discriminator, images, reconstructed: kept[0] as tf.Tensor4D }).loss,
        critic,
      );
      tf.dispose([value, ofCritic.value, ...kept, ...Object.values(grads), ...Object.values(ofCritic.grads)]);
      const { loss, terms, latents, tokenIds, quantized, reconstructed } = vqganGeneratorLoss({
        vqgan,
        images,
        step: 0,
      });
      tf.dispose([loss, ...Object.values(terms), latents, tokenIds, quantized, reconstructed]);
    });
    await expectNoLeaks(backend, async () => {
      await adaptiveAdversarialWeight({ vqgan, images, step: 0, discriminator });
    });
  });
});
