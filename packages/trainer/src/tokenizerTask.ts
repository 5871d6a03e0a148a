import type { Backend } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import { psnrOf } from '@muse/evaluation';
import {
  CODEBOOK,
  CodebookEma,
  discriminatorLoss,
  isDiscriminatorActive,
  PatchDiscriminator,
  patchDiscriminatorParameters,
  patchDiscriminatorPresets,
  resolveVQGANConfig,
  VQGAN,
  type VQGANConfig,
  vqganGeneratorLoss,
  vqganParameters,
} from '@muse/vqgan';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { ContinuousVQGAN } from './continuousVqgan.js';
import { BatchSource, loadImages } from './data/dataset.js';
import { exportComponent } from './exportComponent.js';
import { imageGrid, splitImages } from './imageGrid.js';
import { makeOptimizer } from './makeOptimizer.js';
import { meanScalars, type StepScalars } from './meanScalars.js';
import { ParameterTrainer } from './parameterTrainer.js';
import type { TokenizerSettings } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import type { StateGroup } from './run/stateGroup.js';
import type { ModelTask } from './run/trainAndExport.js';
import type { Preview, StepInfo } from './run/trainingTask.js';
import type { TokenizerTrainingOptions } from './trainTokenizer.js';

/** Latents per code that the first codebook is chosen from. */
const LATENTS_PER_CODE = 16;
const PREVIEW_IMAGES = 16;
const PREVIEW_COLUMNS = 8;

/** Trains a VQGAN against its discriminator, with an EMA codebook. */
export class TokenizerTask implements ModelTask {
  readonly kind = 'tokenizer';
  readonly backend: Backend;
  readonly modelConfig: VQGANConfig;
  readonly imagesPerStep: number;
  readonly #options: TokenizerTrainingOptions;
  readonly #settings: TokenizerSettings;
  readonly #batches: BatchSource;
  readonly #generator: ParameterTrainer;
  readonly #critic: ParameterTrainer;
  readonly #vqgan: VQGAN;
  /** The same network, for the steps without codes. */
  readonly #continuous: ContinuousVQGAN;
  readonly #discriminator: PatchDiscriminator;
  readonly #codebook: CodebookEma;

  constructor(options: TokenizerTrainingOptions, settings: TokenizerSettings) {
    const { backend, config = 'emoji', discriminatorConfig = patchDiscriminatorPresets.emoji } = options;
    const { seed, batchSize, accumulationSteps, maxGradientNorm, emaDecay, codebookDecay } = settings;
    this.#options = options;
    this.#settings = settings;
    this.backend = backend;
    this.modelConfig = resolveVQGANConfig(config);
    this.imagesPerStep = batchSize * accumulationSteps;
    this.#batches = new BatchSource(options.dataset, seed, options.overfitOneBatch);
    const shared = { backend, optimizer: makeOptimizer(settings), maxGradientNorm };
    const specs = vqganParameters(this.modelConfig);
    this.#generator = new ParameterTrainer({
      ...shared,
      name: 'vqgan',
      specs,
      parameters: initParameters(backend, specs, seed),
      emaDecay,
      frozen: [CODEBOOK],
    });
    const criticSpecs = patchDiscriminatorParameters(discriminatorConfig);
    this.#critic = new ParameterTrainer({
      ...shared,
      name: 'discriminator',
      specs: criticSpecs,
      parameters: initParameters(backend, criticSpecs, seed + 1),
      emaDecay: null,
    });
    this.#vqgan = new VQGAN(backend, this.modelConfig, this.#generator.parameters);
    this.#continuous = new ContinuousVQGAN(backend, this.modelConfig, this.#generator.parameters);
    this.#discriminator = new PatchDiscriminator(backend, discriminatorConfig, this.#critic.parameters);
    this.#codebook = new CodebookEma(backend, this.#generator.parameters, { decay: codebookDecay });
  }

  async step({ step, learningRate }: StepInfo): Promise<StepScalars> {
    const { batchSize, accumulationSteps, loss } = this.#settings;
    const isAdversarial = isDiscriminatorActive(step - 1, loss);
    if (step - 1 === this.#quantizerStart) await this.#chooseCodes();
    const parts: StepScalars[] = [];
    for (let micro = 0; micro < accumulationSteps; micro++) {
      const batch = (step - 1) * accumulationSteps + micro;
      const { images } = await this.#batches.images(batch, batchSize);
      const tensor = this.#toTensor(images);
      parts.push(await this.#microBatch(tensor, step, batch, isAdversarial));
      tensor.dispose();
    }
    const scalars = meanScalars(this.backend, parts);
    scalars.gradientNorm = this.#generator.apply({ step, learningRate });
    if (isAdversarial) {
      const ownStep = step - (loss.discriminatorStartStep ?? 0);
      scalars.discriminatorGradientNorm = this.#critic.apply({ step: ownStep, learningRate });
    }
    return scalars;
  }

  groups(): StateGroup[] {
    return [
      ...this.#generator.groups(),
      ...this.#critic.groups(),
      { name: 'codebook-ema', tensors: this.#codebook.state },
    ];
  }

  /** Images above their reconstructions by the mean weights. */
  async preview(step: number): Promise<Preview> {
    const { tf } = this.backend;
    const dataset = this.#options.previewDataset ?? this.#options.dataset;
    const count = Math.min(PREVIEW_IMAGES, dataset.size);
    const side = dataset.imageSize;
    const originals = await loadImages(
      dataset,
      Int32Array.from({ length: count }, (_, i) => i),
    );
    const Model = this.#isQuantized(step) ? VQGAN : ContinuousVQGAN;
    const model = new Model(this.backend, this.modelConfig, this.#generator.bestParameters);
    const [pixels, error] = tf.tidy(() => {
      const images = tf.tensor4d(originals, [count, side, side, 3]);
      const decoded = tf.clipByValue(model.reconstruct(images).reconstructed, 0, 1);
      return [decoded, tf.mean(tf.squaredDifference(decoded, images))];
    });
    const reconstructed = splitImages((await pixels.data()) as Float32Array, count);
    const meanSquaredError = (await error.data())[0]!;
    tf.dispose([pixels, error]);
    const rows: Float32Array[] = [];
    const images = splitImages(originals, count);
    for (let first = 0; first < count; first += PREVIEW_COLUMNS) {
      rows.push(
        ...images.slice(first, first + PREVIEW_COLUMNS),
        ...reconstructed.slice(first, first + PREVIEW_COLUMNS),
      );
    }
    const grid = imageGrid(rows, [side, side], Math.min(PREVIEW_COLUMNS, count));
    return { images: { reconstructions: grid }, scalars: { previewPsnr: psnrOf(meanSquaredError) } };
  }

  /** Mean weights at F16, as a part of a model folder. */
  async export(run: RunFolder): Promise<void> {
    await exportComponent(run, 'model/vqgan', {
      backend: this.backend,
      parameters: this.#generator.bestParameters,
      specs: vqganParameters(this.modelConfig),
      config: this.modelConfig,
    });
  }

  dispose(): void {
    this.#generator.dispose();
    this.#critic.dispose();
    this.#codebook.dispose();
  }

  /** A run too short for the usual start has its codes after a quarter of it. */
  get #quantizerStart(): number {
    const { quantizerStartStep, numSteps } = this.#settings;
    return quantizerStartStep < numSteps ? quantizerStartStep : Math.floor(numSteps / 4);
  }

  /** @param step counted from 1 */
  #isQuantized(step: number): boolean {
    return step > this.#quantizerStart;
  }

  /** The codebook starts among the encoder's outputs, not anywhere. */
  async #chooseCodes(): Promise<void> {
    const { tf } = this.backend;
    const { batchSize, seed } = this.#settings;
    const { codebookDim, codebookSize } = this.modelConfig;
    const latents: Tensor[] = [];
    let numRows = 0;
    for (let batch = 0; numRows < LATENTS_PER_CODE * codebookSize; batch++) {
      const { images } = await this.#batches.images(batch, batchSize);
      latents.push(tf.tidy(() => tf.reshape(this.#vqgan.encodeLatents(this.#toTensor(images)), [-1, codebookDim])));
      numRows += latents.at(-1)!.shape[0]!;
    }
    const rows = tf.concat(latents); // f32 [M, E]
    tf.dispose(latents);
    await this.#codebook.initialize(rows, { seed });
    rows.dispose();
    this.#generator.restartMean(CODEBOOK);
  }

  /** Adds the gradients of one micro-batch to both networks and moves the codebook. */
  async #microBatch(images: Tensor4D, step: number, batch: number, isAdversarial: boolean): Promise<StepScalars> {
    const { tf } = this.backend;
    const { loss: options } = this.#settings;
    const { perceptual: featureNetwork } = this.#options;
    const kept: Record<string, Tensor> = {};
    const keep = (name: string, tensor: Tensor) => {
      kept[name] = tf.keep(tf.clone(tensor));
    };
    const loss = this.#generator.addGradients(() => {
      const result = vqganGeneratorLoss({
        vqgan: this.#isQuantized(step) ? this.#vqgan : this.#continuous,
        images,
        step: step - 1,
        options,
        ...(featureNetwork ? { featureNetwork } : {}),
        ...(isAdversarial ? { discriminator: this.#discriminator } : {}),
      });
      for (const [name, term] of Object.entries(result.terms)) keep(name, term as Scalar);
      keep('latents', result.latents);
      keep('tokenIds', result.tokenIds);
      keep('reconstructed', result.reconstructed);
      return result.loss;
    });
    const { latents, tokenIds, reconstructed, ...terms } = kept as Record<string, Tensor> & {
      latents: Tensor;
      tokenIds: Tensor;
      reconstructed: Tensor4D;
    };
    const scalars: StepScalars = { loss, ...(terms as Record<string, Scalar>) };
    if (isAdversarial) {
      scalars.discriminator = this.#critic.addGradients(
        () =>
          discriminatorLoss({
            discriminator: this.#discriminator,
            images,
            reconstructed,
            ...adversarialKindOf(options),
          }).loss,
      );
    }
    scalars.psnr = tf.tidy(() => {
      const error = tf.mean(tf.squaredDifference(tf.clipByValue(reconstructed, 0, 1), images));
      return tf.mul(tf.log(tf.add(error, 1e-10)), -10 / Math.LN10) as Scalar;
    });
    const usage = this.#isQuantized(step) ? await this.#moveCodes(latents, tokenIds, batch) : {};
    tf.dispose([latents, tokenIds, reconstructed]);
    return { ...scalars, ...usage };
  }

  async #moveCodes(latents: Tensor, tokenIds: Tensor, batch: number): Promise<Record<string, number>> {
    const { tf } = this.backend;
    const rows = tf.reshape(latents, [-1, this.modelConfig.codebookDim]) as Tensor2D;
    const ids = tf.reshape(tokenIds, [-1]) as Tensor1D;
    const usage = await this.#codebook.update(rows, ids, { seed: this.#settings.seed, step: batch });
    tf.dispose([rows, ids]);
    return { ...usage };
  }

  #toTensor(images: Float32Array): Tensor4D {
    const { imageSize } = this.#options.dataset;
    return this.backend.tf.tensor4d(images, [images.length / (imageSize ** 2 * 3), imageSize, imageSize, 3]);
  }
}

function adversarialKindOf({ adversarialKind }: TokenizerSettings['loss']) {
  return adversarialKind ? { adversarialKind } : {};
}
