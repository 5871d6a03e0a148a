import type { Backend } from '@muse/backend';
import { initParameters, type ParameterSpec, type Parameters } from '@muse/checkpoint';
import { MaskedTransformer, maskedTokenLoss, maskedTransformerParameters } from '@muse/masked-transformer';
import { createMuse } from '@muse/muse';
import { T5Encoder, T5Tokenizer, type TokenizerJson, t5Parameters, wordVocabularyTokenizer } from '@muse/t5-encoder';
import { type BaseConfigs, resolveBaseConfigs } from './baseConfigs.js';
import { defaultSampling, exportModelFolder, type ModelCard, modelIndex } from './exportModelFolder.js';
import { MaskedTokenTrainer, type TokenBatch, type TokenImages } from './maskedTokenTrainer.js';
import type { StepScalars } from './meanScalars.js';
import type { BaseSettings } from './presets.js';
import { drawSamples } from './previewSamples.js';
import { itemSeeds, stages } from './randomStages.js';
import type { RunFolder } from './run/runFolder.js';
import type { StateGroup } from './run/stateGroup.js';
import type { ModelTask } from './run/trainAndExport.js';
import type { Preview, StepInfo } from './run/trainingTask.js';
import type { BaseTrainingOptions } from './trainBase.js';

interface BaseModels {
  readonly textEncoder: T5Encoder;
  readonly transformer: MaskedTransformer;
}

/** Trains the base transformer and its text encoder on masked tokens. */
export class BaseTask implements ModelTask {
  readonly kind = 'base';
  readonly backend: Backend;
  readonly modelConfig: BaseConfigs;
  readonly imagesPerStep: number;
  readonly #options: BaseTrainingOptions;
  readonly #tokenizerJson: TokenizerJson;
  readonly #tokenizer: T5Tokenizer;
  /** Of the transformer and of the text encoder: one network to the optimizer. Their names don't collide. */
  readonly #trainer: MaskedTokenTrainer<TokenImages, BaseModels>;

  constructor(
    options: BaseTrainingOptions,
    settings: BaseSettings,
    images: TokenImages,
    heldOut: TokenImages | undefined,
  ) {
    const { backend } = options;
    this.#options = options;
    this.backend = backend;
    this.#tokenizerJson = wordVocabularyTokenizer(options.words);
    this.#tokenizer = T5Tokenizer.fromTokenizerJson(this.#tokenizerJson);
    this.modelConfig = resolveBaseConfigs(options, this.#tokenizer.vocabSize);
    const specs: ParameterSpec[][] = [
      maskedTransformerParameters(this.modelConfig.transformer),
      t5Parameters(this.modelConfig.textEncoder),
    ];
    const parameters: Parameters = new Map();
    specs.forEach((part, i) => {
      const seed = itemSeeds(settings.seed, stages.parameterSeeds, 0, 1, i)[0]!;
      for (const [name, tensor] of initParameters(backend, part, seed)) parameters.set(name, tensor);
    });
    this.#trainer = new MaskedTokenTrainer({
      backend,
      name: 'base',
      specs: specs.flat(),
      parameters,
      settings,
      images,
      heldOut,
      overfitOneBatch: options.overfitOneBatch,
      modelsOf: (of) => this.#modelsOf(of),
      begin: (batch) => ({ loss: (models) => this.#loss(models, batch), dispose() {} }),
    });
    this.imagesPerStep = this.#trainer.imagesPerStep;
  }

  step(info: StepInfo): Promise<StepScalars> {
    return this.#trainer.step(info);
  }

  groups(): StateGroup[] {
    return this.#trainer.groups();
  }

  async preview(): Promise<Preview> {
    const { backend } = this;
    const models = this.#trainer.bestModels;
    const { previewPrompts = [], vqgan } = this.#options;
    const scalars = await this.#trainer.heldOutScalars(models);
    if (previewPrompts.length === 0) return { images: {}, scalars };
    const index = modelIndex(this.#card, vqgan.config.imageSize);
    const muse = createMuse({ backend, vqgan, ...models, index });
    const samples = await drawSamples(muse, previewPrompts).finally(() => muse.release());
    return { images: { samples }, scalars };
  }

  async export(run: RunFolder): Promise<void> {
    const { textEncoder, transformer } = this.modelConfig;
    await this.#trainer.withFinalParameters(run, (parameters) =>
      exportModelFolder(run, 'model', {
        ...this.#card,
        backend: this.backend,
        vqgan: this.#options.vqgan,
        textEncoder: { config: textEncoder, parameters, tokenizer: this.#tokenizerJson },
        transformer: { config: transformer, parameters },
      }),
    );
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  get #card(): ModelCard {
    return { name: 'muse', license: 'Apache-2.0', sampling: defaultSampling, ...this.#options.card };
  }

  #modelsOf(parameters: Parameters): BaseModels {
    const { textEncoder, transformer } = this.modelConfig;
    return {
      textEncoder: new T5Encoder(this.backend, textEncoder, parameters, this.#tokenizer),
      transformer: new MaskedTransformer(this.backend, transformer, parameters),
    };
  }

  #loss({ textEncoder, transformer }: BaseModels, { captions, masking }: TokenBatch<TokenImages>) {
    const { tf } = this.backend;
    const { ids, mask, shape } = this.#tokenizer.encodeBatch(captions, this.modelConfig.textEncoder.maxLength);
    const textMask = tf.tensor2d(mask, shape); // f32 [B, T]
    const textEmbeds = textEncoder.forward(tf.tensor2d(ids, shape, 'int32'), textMask);
    return maskedTokenLoss(transformer, { ...masking, textEmbeds, textMask });
  }
}
