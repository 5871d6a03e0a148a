import type { Backend } from '@muse/backend';
import { initParameters, type ModelFolder, readJson } from '@muse/checkpoint';
import {
  type MaskedTransformer,
  maskedTokenLoss,
  SuperResTransformer,
  type SuperResTransformerConfig,
  superResTransformerParameters,
} from '@muse/masked-transformer';
import { createMuse } from '@muse/muse';
import type { T5Encoder, TokenizerJson } from '@muse/t5-encoder';
import type { VQGAN } from '@muse/vqgan';
import type { TokenPool } from './data/tokenPool.js';
import { type CascadeCard, cascadeIndex, defaultSuperResSampling, exportModelFolder } from './exportModelFolder.js';
import { type BegunBatch, MaskedTokenTrainer, type TokenBatch, type TokenImages } from './maskedTokenTrainer.js';
import type { StepScalars } from './meanScalars.js';
import type { SuperResSettings } from './presets.js';
import { drawSamples } from './previewSamples.js';
import type { RunFolder } from './run/runFolder.js';
import type { StateGroup } from './run/stateGroup.js';
import type { ModelTask } from './run/trainAndExport.js';
import type { Preview, StepInfo } from './run/trainingTask.js';
import type { SuperResTrainingOptions } from './trainSuperRes.js';

/** Images as tokens of both grids. */
export interface TwoGridImages extends TokenImages {
  readonly coarseTokens: TokenPool;
}

/** What is frozen; the caller's. */
export interface SuperResParts {
  /** Of the base model. */
  readonly folder: ModelFolder;
  readonly textEncoder: T5Encoder;
  readonly coarseVqgan: VQGAN;
  readonly transformer: MaskedTransformer;
  readonly config: SuperResTransformerConfig;
}

interface SuperResModels {
  readonly transformer: SuperResTransformer;
}

/** Trains the super-resolution transformer on masked fine tokens. */
export class SuperResTask implements ModelTask {
  readonly kind = 'super-res';
  readonly backend: Backend;
  readonly modelConfig: SuperResTransformerConfig;
  readonly imagesPerStep: number;
  readonly #options: SuperResTrainingOptions;
  readonly #parts: SuperResParts;
  readonly #trainer: MaskedTokenTrainer<TwoGridImages, SuperResModels>;

  constructor(
    options: SuperResTrainingOptions,
    settings: SuperResSettings,
    parts: SuperResParts,
    images: TwoGridImages,
    heldOut: TwoGridImages | undefined,
  ) {
    const { backend } = options;
    this.#options = options;
    this.#parts = parts;
    this.backend = backend;
    this.modelConfig = parts.config;
    const specs = superResTransformerParameters(parts.config);
    this.#trainer = new MaskedTokenTrainer({
      backend,
      name: 'super-res',
      specs,
      parameters: initParameters(backend, specs, settings.seed),
      settings,
      images,
      heldOut,
      overfitOneBatch: options.overfitOneBatch,
      modelsOf: (parameters) => ({ transformer: new SuperResTransformer(backend, parts.config, parameters) }),
      begin: (batch) => this.#begin(batch),
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
    const models = this.#trainer.bestModels;
    const { previewPrompts = [], vqgan } = this.#options;
    const scalars = await this.#trainer.heldOutScalars(models);
    if (previewPrompts.length === 0) return { images: {}, scalars };
    const { textEncoder, coarseVqgan, transformer } = this.#parts;
    const index = cascadeIndex(this.#card, coarseVqgan.config.imageSize, vqgan.config.imageSize);
    const superRes = { transformer: models.transformer, vqgan };
    const muse = createMuse({ backend: this.backend, vqgan: coarseVqgan, textEncoder, transformer, superRes, index });
    const samples = await drawSamples(muse, previewPrompts).finally(() => muse.release());
    return { images: { samples }, scalars };
  }

  /** The base model's parts as they are, and the two of the second stage. */
  async export(run: RunFolder): Promise<void> {
    const { folder, textEncoder, coarseVqgan, transformer, config } = this.#parts;
    const text = await folder.component('text_encoder');
    const tokenizer = (await readJson(text.folder, 'tokenizer.json')) as TokenizerJson;
    await this.#trainer.withFinalParameters(run, (parameters) =>
      exportModelFolder(run, 'model', {
        ...this.#card,
        backend: this.backend,
        vqgan: coarseVqgan,
        textEncoder: { config: textEncoder.config, parameters: textEncoder.parameters, tokenizer },
        transformer,
        superRes: { transformer: { config, parameters }, vqgan: this.#options.vqgan },
      }),
    );
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  get #card(): CascadeCard {
    const { name, license, sampling } = this.#parts.folder.index;
    return { name, license, sampling, superResSampling: defaultSuperResSampling, ...this.#options.card };
  }

  /** The text is encoded outside of the tape: nothing of it is learned. */
  #begin({ images, indices, captions, masking }: TokenBatch<TwoGridImages>): BegunBatch<SuperResModels> {
    const { tf } = this.backend;
    const { embeds, mask } = this.#parts.textEncoder.encode(captions);
    const { coarseTokens } = images;
    const coarseTokenIds = tf.tensor2d(coarseTokens.tokens(indices), [indices.length, coarseTokens.seqLen], 'int32');
    const given = { textEmbeds: embeds, textMask: mask, coarseTokenIds };
    return {
      loss: ({ transformer }) => maskedTokenLoss(transformer, { ...masking, ...given }),
      dispose: () => tf.dispose([embeds, mask, coarseTokenIds]),
    };
  }
}
