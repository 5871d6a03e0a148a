import type { Backend } from '@muse/backend';
import { initParameters } from '@muse/checkpoint';
import {
  CODEBOOK,
  CodebookEma,
  discriminatorLoss,
  type FeatureNetwork,
  isDiscriminatorActive,
  PatchDiscriminator,
  type PatchDiscriminatorConfig,
  patchDiscriminatorParameters,
  patchDiscriminatorPresets,
  resolveVQGANConfig,
  VQGAN,
  type VQGANConfig,
  type VQGANOptions,
  type VQGANPresetName,
  vqganGeneratorLoss,
  vqganParameters,
} from '@muse/vqgan';
import type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor4D } from '@tensorflow/tfjs';
import { BatchSource, type Dataset, loadImages } from './data/dataset.js';
import { exportComponent } from './exportComponent.js';
import { imageGrid, psnr, splitImages } from './imageGrid.js';
import { loopOptions, makeOptimizer } from './makeOptimizer.js';
import { meanScalars, type StepScalars } from './meanScalars.js';
import { ParameterTrainer } from './parameterTrainer.js';
import { type TokenizerSettings, trainerPresets } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import { type LoopCallbacks, runTraining, type TrainingResult } from './run/runTraining.js';
import type { StateGroup } from './run/stateGroup.js';
import type { Preview, StepInfo, TrainingTask } from './run/trainingTask.js';

export interface TokenizerTrainingOptions extends LoopCallbacks {
  readonly backend: Backend;
  readonly run: RunFolder;
  readonly dataset: Dataset;
  /** For the pictures and their PSNR; default the training images. */
  readonly previewDataset?: Dataset;
  /** Default `emoji`. */
  readonly config?: VQGANPresetName | VQGANOptions;
  /** Default `emoji`. */
  readonly discriminatorConfig?: PatchDiscriminatorConfig;
  /** Settings that differ from `trainerPresets.emoji.tokenizer`. */
  readonly settings?: Partial<TokenizerSettings>;
  /** A frozen network for the perceptual term, left as it is; without one there is no such term. */
  readonly perceptual?: FeatureNetwork;
  /** One batch for ever, as a check of a set-up. */
  readonly overfitOneBatch?: boolean;
}

/**
 * Trains a VQGAN: pixel, perceptual, adversarial and commitment losses, an EMA codebook with revival of dead codes
 * (Chang et al. 2023, arXiv 2301.00704, section 2.2; Esser et al. 2021, arXiv 2012.09841). Goes on from the newest
 * checkpoint of the run folder; when it is done, `model/vqgan/` holds the mean weights at F16.
 *
 * @throws ConfigError for settings out of their range; MuseError if a loss is not finite
 */
export async function trainTokenizer(options: TokenizerTrainingOptions): Promise<TrainingResult> {
  const settings: TokenizerSettings = { ...trainerPresets.emoji.tokenizer, ...options.settings };
  const task = new TokenizerTask(options, settings);
  try {
    const result = await runTraining(task, options.run, loopOptions(settings), options);
    if (result.status === 'done') await task.export(options.run);
    return result;
  } finally {
    task.dispose();
  }
}

/** Batches whose latents the first codebook is chosen from: many more latents than codes. */
const CODEBOOK_BATCHES = 8;
const PREVIEW_IMAGES = 16;
const PREVIEW_COLUMNS = 8;

class TokenizerTask implements TrainingTask {
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
    this.#discriminator = new PatchDiscriminator(backend, discriminatorConfig, this.#critic.parameters);
    this.#codebook = new CodebookEma(backend, this.#generator.parameters, { decay: codebookDecay });
  }

  /** The codebook starts among the encoder's outputs, not anywhere. */
  async start(): Promise<void> {
    const { tf } = this.backend;
    const { batchSize, seed } = this.#settings;
    const latents: Tensor[] = [];
    for (let batch = 0; batch < CODEBOOK_BATCHES; batch++) {
      const { images } = await this.#batches.images(batch, batchSize);
      latents.push(
        tf.tidy(() =>
          tf.reshape(this.#vqgan.encodeLatents(this.#toTensor(images)), [-1, this.modelConfig.codebookDim]),
        ),
      );
    }
    const rows = tf.concat(latents); // f32 [M, E]
    tf.dispose(latents);
    await this.#codebook.initialize(rows, { seed });
    rows.dispose();
  }

  async step({ step, learningRate }: StepInfo): Promise<StepScalars> {
    const { batchSize, accumulationSteps, loss } = this.#settings;
    const isAdversarial = isDiscriminatorActive(step - 1, loss);
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
  async preview(): Promise<Preview> {
    const { tf } = this.backend;
    const dataset = this.#options.previewDataset ?? this.#options.dataset;
    const count = Math.min(PREVIEW_IMAGES, dataset.size);
    const side = dataset.imageSize;
    const originals = await loadImages(
      dataset,
      Int32Array.from({ length: count }, (_, i) => i),
    );
    const model = new VQGAN(this.backend, this.modelConfig, this.#generator.bestParameters);
    const [pixels, error] = tf.tidy(() => {
      const images = tf.tensor4d(originals, [count, side, side, 3]);
      const decoded = model.decode(model.encode(images));
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
    return { images: { reconstructions: grid }, scalars: { previewPsnr: psnr(meanSquaredError) } };
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

  /** Adds the gradients of one micro-batch to both networks and moves the codebook. */
  async #microBatch(images: Tensor4D, step: number, batch: number, isAdversarial: boolean): Promise<StepScalars> {
    const { tf } = this.backend;
    const { seed, loss: options } = this.#settings;
    const { perceptual: featureNetwork } = this.#options;
    const kept: Record<string, Tensor> = {};
    const keep = (name: string, tensor: Tensor) => {
      kept[name] = tf.keep(tf.clone(tensor));
    };
    const loss = this.#generator.addGradients(() => {
      const result = vqganGeneratorLoss({
        vqgan: this.#vqgan,
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
    const [rows, ids] = tf.tidy(() => [
      tf.reshape(latents, [-1, this.modelConfig.codebookDim]) as Tensor2D,
      tf.reshape(tokenIds, [-1]) as Tensor1D,
    ]) as [Tensor2D, Tensor1D];
    const usage = await this.#codebook.update(rows, ids, { seed, step: batch });
    tf.dispose([rows, ids, latents, tokenIds, reconstructed]);
    return { ...scalars, perplexity: usage.perplexity, usedCodes: usage.usedCodes, deadCodes: usage.deadCodes };
  }

  #toTensor(images: Float32Array): Tensor4D {
    const { imageSize } = this.#options.dataset;
    return this.backend.tf.tensor4d(images, [images.length / (imageSize ** 2 * 3), imageSize, imageSize, 3]);
  }
}

function adversarialKindOf({ adversarialKind }: TokenizerSettings['loss']) {
  return adversarialKind ? { adversarialKind } : {};
}
