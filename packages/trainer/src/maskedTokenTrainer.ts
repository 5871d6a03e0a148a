import type { Backend } from '@muse/backend';
import type { ParameterSpec, Parameters } from '@muse/checkpoint';
import { type MaskedTokenLoss, type SampledMasking, sampleMasking } from '@muse/masked-transformer';
import type { Scalar } from '@tensorflow/tfjs';
import { BatchSource, type Dataset } from './data/dataset.js';
import type { TokenPool } from './data/tokenPool.js';
import { makeOptimizer } from './makeOptimizer.js';
import { meanScalars, type StepScalars } from './meanScalars.js';
import { offlineWeightEma } from './offlineWeightEma.js';
import { disposeTensors } from './optimizers/optimizer.js';
import { ParameterTrainer } from './parameterTrainer.js';
import type { BaseSettings } from './presets.js';
import { itemSeeds, stages } from './randomStages.js';
import type { RunFolder } from './run/runFolder.js';
import type { StateGroup } from './run/stateGroup.js';
import type { StepInfo } from './run/trainingTask.js';

/** The held-out loss masks the same tokens each time it is measured. */
const HELD_OUT_STEP = 0;
const HELD_OUT_BATCHES = 4;

/** Captioned images, and the tokens that are to be guessed of them. */
export interface TokenImages {
  readonly dataset: Dataset;
  readonly tokens: TokenPool;
}

export interface TokenBatch<Images extends TokenImages> {
  readonly images: Images;
  /** Of the dataset, [B]. */
  readonly indices: Int32Array;
  readonly captions: readonly string[];
  readonly masking: SampledMasking;
}

/** A batch ready for its loss: what is not learned has been computed, once, apart from the gradient's tape. */
export interface BegunBatch<Models> {
  /** Differentiable in the parameters of the models. */
  loss(models: Models): MaskedTokenLoss;
  dispose(): void;
}

/** The transformer that a masking is for. */
interface Masked {
  readonly maskTokenId: number;
  readonly config: { readonly condDropProb: number };
}

export interface MaskedTokenTrainerOptions<
  Images extends TokenImages,
  Models extends { readonly transformer: Masked },
> {
  readonly backend: Backend;
  /** Of the groups in a checkpoint. */
  readonly name: string;
  readonly specs: readonly ParameterSpec[];
  /** Taken over. */
  readonly parameters: Parameters;
  readonly settings: BaseSettings;
  readonly images: Images;
  readonly heldOut?: Images;
  readonly overfitOneBatch?: boolean;
  readonly modelsOf: (parameters: Parameters) => Models;
  readonly begin: (batch: TokenBatch<Images>) => BegunBatch<Models>;
}

/** What trains a masked-token model, whatever it is conditioned on: batches, masks, steps, loss on held-out images. */
export class MaskedTokenTrainer<Images extends TokenImages, Models extends { readonly transformer: Masked }> {
  readonly #options: MaskedTokenTrainerOptions<Images, Models>;
  readonly #batches: BatchSource;
  readonly #trainer: ParameterTrainer;
  readonly #models: Models;

  constructor(options: MaskedTokenTrainerOptions<Images, Models>) {
    const { backend, name, specs, parameters, settings, images, overfitOneBatch, modelsOf } = options;
    this.#options = options;
    this.#batches = new BatchSource(images.dataset, settings.seed, overfitOneBatch);
    this.#trainer = new ParameterTrainer({
      backend,
      name,
      specs,
      parameters,
      optimizer: makeOptimizer(settings),
      maxGradientNorm: settings.maxGradientNorm,
      emaDecay: settings.emaDecay,
    });
    this.#models = modelsOf(parameters);
  }

  get imagesPerStep(): number {
    const { batchSize, accumulationSteps } = this.#options.settings;
    return batchSize * accumulationSteps;
  }

  /** With the mean weights. Nothing to dispose. */
  get bestModels(): Models {
    return this.#options.modelsOf(this.#trainer.bestParameters);
  }

  async step({ step, learningRate }: StepInfo): Promise<StepScalars> {
    const { backend, settings, images, overfitOneBatch, begin } = this.#options;
    const { batchSize, accumulationSteps, seed } = settings;
    const parts: StepScalars[] = [];
    for (let micro = 0; micro < accumulationSteps; micro++) {
      const index = (step - 1) * accumulationSteps + micro;
      const indices = this.#batches.indices(index, batchSize);
      const captionSeeds = itemSeeds(seed, stages.captionSeeds, overfitOneBatch ? 0 : index, batchSize);
      const captions = captionSeeds.map((captionSeed, i) => images.dataset.caption(indices[i]!, captionSeed));
      const masking = this.#mask(images.tokens, indices, { step, firstIndex: micro * batchSize });
      const batch = begin({ images, indices, captions, masking });
      let accuracy: Scalar | undefined;
      const loss = this.#trainer.addGradients(() => {
        const result = batch.loss(this.#models);
        accuracy = backend.tf.keep(backend.tf.clone(result.accuracy));
        return result.loss;
      });
      batch.dispose();
      parts.push({ loss, accuracy: accuracy! });
    }
    const gradientNorm = this.#trainer.apply({ step, learningRate });
    return { ...meanScalars(backend, parts), gradientNorm };
  }

  groups(): StateGroup[] {
    return this.#trainer.groups();
  }

  /** Loss and accuracy of models on images that were never trained on, with plain captions and texts kept. */
  async heldOutScalars(models: Models): Promise<Record<string, number>> {
    const { heldOut, settings, backend, begin } = this.#options;
    if (!heldOut) return {};
    const { tf } = backend;
    const { dataset, tokens } = heldOut;
    const batchSize = Math.min(settings.batchSize, dataset.size);
    const numBatches = Math.min(HELD_OUT_BATCHES, Math.floor(dataset.size / batchSize));
    const sums = { heldOutLoss: 0, heldOutAccuracy: 0 };
    for (let index = 0; index < numBatches; index++) {
      const indices = Int32Array.from({ length: batchSize }, (_, i) => index * batchSize + i);
      const captions = Array.from(indices, (image) => dataset.caption(image, image));
      const masking = this.#mask(tokens, indices, { step: HELD_OUT_STEP, firstIndex: index * batchSize });
      const kept = { ...masking, isTextDropped: new Uint8Array(batchSize) };
      const batch = begin({ images: heldOut, indices, captions, masking: kept });
      const result = tf.tidy(() => {
        const { loss, accuracy } = batch.loss(models);
        return { loss, accuracy };
      });
      batch.dispose();
      sums.heldOutLoss += (await result.loss.data())[0]! / numBatches;
      sums.heldOutAccuracy += (await result.accuracy.data())[0]! / numBatches;
      tf.dispose([result.loss, result.accuracy]);
    }
    return sums;
  }

  /** Gives `use` the weights that are to be exported: a running mean, or the paper's of the checkpoints that were kept. */
  async withFinalParameters(run: RunFolder, use: (parameters: Parameters) => Promise<void>): Promise<void> {
    const { backend, name, specs, settings } = this.#options;
    const { offlineEmaDecay: decay } = settings;
    if (decay === null) return use(this.#trainer.bestParameters);
    const mean = await offlineWeightEma({ backend, run, group: name, specs, decay });
    try {
      await use(mean);
    } finally {
      disposeTensors(mean);
    }
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  #mask(
    tokens: TokenPool,
    indices: Int32Array,
    place: { readonly step: number; readonly firstIndex: number },
  ): SampledMasking {
    const { transformer } = this.#models;
    return sampleMasking({
      tokenIds: tokens.tokens(indices),
      batchSize: indices.length,
      seqLen: tokens.seqLen,
      maskTokenId: transformer.maskTokenId,
      condDropProb: transformer.config.condDropProb,
      seed: this.#options.settings.seed,
      ...place,
    });
  }
}
