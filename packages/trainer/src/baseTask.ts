import type { Backend } from '@muse/backend';
import { initParameters, type ParameterSpec, type Parameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTokenLoss,
  maskedTransformerParameters,
  sampleMasking,
} from '@muse/masked-transformer';
import { createMuse } from '@muse/muse';
import { T5Encoder, T5Tokenizer, type TokenizerJson, t5Parameters, wordVocabularyTokenizer } from '@muse/t5-encoder';
import type { Scalar } from '@tensorflow/tfjs';
import { type BaseConfigs, resolveBaseConfigs } from './baseConfigs.js';
import { BatchSource } from './data/dataset.js';
import type { TokenPool } from './data/tokenPool.js';
import { defaultSampling, exportModelFolder, type ModelCard, modelIndex } from './exportModelFolder.js';
import { imageGrid } from './imageGrid.js';
import { makeOptimizer } from './makeOptimizer.js';
import { meanScalars, type StepScalars } from './meanScalars.js';
import { offlineWeightEma } from './offlineWeightEma.js';
import { disposeTensors } from './optimizers/optimizer.js';
import { ParameterTrainer } from './parameterTrainer.js';
import type { BaseSettings } from './presets.js';
import { itemSeeds, stages } from './randomStages.js';
import type { RunFolder } from './run/runFolder.js';
import type { StateGroup } from './run/stateGroup.js';
import type { Preview, StepInfo, TrainingTask } from './run/trainingTask.js';
import type { BaseTrainingOptions } from './trainBase.js';

/** The held-out loss masks the same tokens each time it is measured. */
const HELD_OUT_STEP = 0;
const HELD_OUT_BATCHES = 4;
const PREVIEW_COLUMNS = 8;
const PREVIEW_SEED = 1;

/** Trains the base transformer and its text encoder on masked tokens. */
export class BaseTask implements TrainingTask {
  readonly kind = 'base';
  readonly backend: Backend;
  readonly modelConfig: BaseConfigs;
  readonly imagesPerStep: number;
  readonly #options: BaseTrainingOptions;
  readonly #settings: BaseSettings;
  readonly #pool: TokenPool;
  readonly #heldOutPool: TokenPool | undefined;
  readonly #batches: BatchSource;
  readonly #tokenizerJson: TokenizerJson;
  readonly #tokenizer: T5Tokenizer;
  /** Of the transformer and of the text encoder: one network to the optimizer. Their names don't collide. */
  readonly #trainer: ParameterTrainer;
  readonly #textEncoder: T5Encoder;
  readonly #transformer: MaskedTransformer;

  constructor(
    options: BaseTrainingOptions,
    settings: BaseSettings,
    pool: TokenPool,
    heldOutPool: TokenPool | undefined,
  ) {
    const { backend } = options;
    this.#options = options;
    this.#settings = settings;
    this.#pool = pool;
    this.#heldOutPool = heldOutPool;
    this.backend = backend;
    this.imagesPerStep = settings.batchSize * settings.accumulationSteps;
    this.#batches = new BatchSource(options.dataset, settings.seed, options.overfitOneBatch);
    this.#tokenizerJson = wordVocabularyTokenizer(options.words);
    this.#tokenizer = T5Tokenizer.fromTokenizerJson(this.#tokenizerJson);
    this.modelConfig = resolveBaseConfigs(options, this.#tokenizer.vocabSize);
    const specs = this.#specs;
    const parameters: Parameters = new Map();
    specs.forEach((part, i) => {
      const seed = itemSeeds(settings.seed, stages.parameterSeeds, 0, 1, i)[0]!;
      for (const [name, tensor] of initParameters(backend, part, seed)) parameters.set(name, tensor);
    });
    this.#trainer = new ParameterTrainer({
      backend,
      name: 'base',
      specs: specs.flat(),
      parameters,
      optimizer: makeOptimizer(settings),
      maxGradientNorm: settings.maxGradientNorm,
      emaDecay: settings.emaDecay,
    });
    [this.#textEncoder, this.#transformer] = this.#modelsOf(parameters);
  }

  get #specs(): [transformer: ParameterSpec[], textEncoder: ParameterSpec[]] {
    return [maskedTransformerParameters(this.modelConfig.transformer), t5Parameters(this.modelConfig.textEncoder)];
  }

  #modelsOf(parameters: Parameters): [T5Encoder, MaskedTransformer] {
    const { textEncoder, transformer } = this.modelConfig;
    return [
      new T5Encoder(this.backend, textEncoder, parameters, this.#tokenizer),
      new MaskedTransformer(this.backend, transformer, parameters),
    ];
  }

  async step({ step, learningRate }: StepInfo): Promise<StepScalars> {
    const { tf } = this.backend;
    const { batchSize, accumulationSteps, seed } = this.#settings;
    const parts: StepScalars[] = [];
    for (let micro = 0; micro < accumulationSteps; micro++) {
      const batch = (step - 1) * accumulationSteps + micro;
      const indices = this.#batches.indices(batch, batchSize);
      const captionSeeds = itemSeeds(seed, stages.captionSeeds, this.#options.overfitOneBatch ? 0 : batch, batchSize);
      const captions = captionSeeds.map((captionSeed, i) => this.#options.dataset.caption(indices[i]!, captionSeed));
      const masking = this.#mask(this.#pool.tokens(indices), batchSize, { step, firstIndex: micro * batchSize });
      let accuracy: Scalar | undefined;
      const loss = this.#trainer.addGradients(() => {
        const result = this.#loss(this.#textEncoder, this.#transformer, captions, masking);
        accuracy = tf.keep(tf.clone(result.accuracy));
        return result.loss;
      });
      parts.push({ loss, accuracy: accuracy! });
    }
    const gradientNorm = this.#trainer.apply({ step, learningRate });
    return { ...meanScalars(this.backend, parts), gradientNorm };
  }

  groups(): StateGroup[] {
    return this.#trainer.groups();
  }

  async preview(): Promise<Preview> {
    const [textEncoder, transformer] = this.#modelsOf(this.#trainer.bestParameters);
    const { previewPrompts = [], vqgan } = this.#options;
    const scalars = await this.#heldOutScalars(textEncoder, transformer);
    if (previewPrompts.length === 0) return { images: {}, scalars };
    const index = modelIndex(this.#card, vqgan.config.imageSize);
    // Not disposed: its parts are the task's.
    const muse = createMuse({ backend: this.backend, vqgan, textEncoder, transformer, index });
    const images: Float32Array[] = [];
    for (const prompt of previewPrompts) {
      const [image] = await muse.generate({ prompt, seed: PREVIEW_SEED });
      const { data } = image!;
      images.push(
        Float32Array.from({ length: (data.length / 4) * 3 }, (_, i) => data[Math.floor(i / 3) * 4 + (i % 3)]! / 255),
      );
    }
    const side = vqgan.config.imageSize;
    return { images: { samples: imageGrid(images, [side, side], PREVIEW_COLUMNS) }, scalars };
  }

  async export(run: RunFolder): Promise<void> {
    const { offlineEmaDecay: decay } = this.#settings;
    const { backend } = this;
    const mean =
      decay === null ? null : await offlineWeightEma({ backend, run, group: 'base', specs: this.#specs.flat(), decay });
    const parameters = mean ?? this.#trainer.bestParameters;
    const { textEncoder, transformer } = this.modelConfig;
    await exportModelFolder(run, 'model', {
      ...this.#card,
      backend,
      vqgan: this.#options.vqgan,
      textEncoder: { config: textEncoder, parameters, tokenizer: this.#tokenizerJson },
      transformer: { config: transformer, parameters },
    });
    if (mean) disposeTensors(mean);
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  get #card(): ModelCard {
    return { name: 'muse', license: 'Apache-2.0', sampling: defaultSampling, ...this.#options.card };
  }

  /** Loss and accuracy of the mean weights on images that were never trained on, with plain captions and texts kept. */
  async #heldOutScalars(textEncoder: T5Encoder, transformer: MaskedTransformer): Promise<Record<string, number>> {
    const { heldOutDataset: dataset } = this.#options;
    const pool = this.#heldOutPool;
    if (!dataset || !pool) return {};
    const { tf } = this.backend;
    const batchSize = Math.min(this.#settings.batchSize, dataset.size);
    const numBatches = Math.min(HELD_OUT_BATCHES, Math.floor(dataset.size / batchSize));
    const sums = { heldOutLoss: 0, heldOutAccuracy: 0 };
    for (let batch = 0; batch < numBatches; batch++) {
      const indices = Int32Array.from({ length: batchSize }, (_, i) => batch * batchSize + i);
      const captions = Array.from(indices, (index) => dataset.caption(index, index));
      const masking = this.#mask(pool.tokens(indices), batchSize, {
        step: HELD_OUT_STEP,
        firstIndex: batch * batchSize,
      });
      const kept = { ...masking, isTextDropped: new Uint8Array(batchSize) };
      const result = tf.tidy(() => {
        const { loss, accuracy } = this.#loss(textEncoder, transformer, captions, kept);
        return { loss, accuracy };
      });
      sums.heldOutLoss += (await result.loss.data())[0]! / numBatches;
      sums.heldOutAccuracy += (await result.accuracy.data())[0]! / numBatches;
      tf.dispose([result.loss, result.accuracy]);
    }
    return sums;
  }

  #mask(tokenIds: Int32Array, batchSize: number, place: { readonly step: number; readonly firstIndex: number }) {
    return sampleMasking({
      tokenIds,
      batchSize,
      seqLen: this.#pool.seqLen,
      maskTokenId: this.#transformer.maskTokenId,
      condDropProb: this.modelConfig.transformer.condDropProb,
      seed: this.#settings.seed,
      ...place,
    });
  }

  #loss(
    textEncoder: T5Encoder,
    transformer: MaskedTransformer,
    captions: readonly string[],
    masking: ReturnType<typeof sampleMasking>,
  ) {
    const { tf } = this.backend;
    const { ids, mask, shape } = this.#tokenizer.encodeBatch(captions, this.modelConfig.textEncoder.maxLength);
    const textMask = tf.tensor2d(mask, shape); // f32 [B, T]
    const textEmbeds = textEncoder.forward(tf.tensor2d(ids, shape, 'int32'), textMask);
    return maskedTokenLoss(transformer, { ...masking, textEmbeds, textMask });
  }
}
