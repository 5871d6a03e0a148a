import type { Backend } from '@muse/backend';
import type { ModelIndex, Parameters, SamplingDefaults } from '@muse/checkpoint';
import {
  type MaskedTransformerConfig,
  maskedTransformerParameters,
  type SuperResTransformerConfig,
  superResTransformerParameters,
} from '@muse/masked-transformer';
import { type T5Config, type TokenizerJson, t5ConfigJson, t5Parameters } from '@muse/t5-encoder';
import { type VQGANConfig, vqganParameters } from '@muse/vqgan';
import { exportComponent } from './exportComponent.js';
import type { RunFolder } from './run/runFolder.js';

/** Sampling of a small model, unless its card says otherwise. */
export const defaultSampling: SamplingDefaults = {
  numSteps: 16,
  guidanceScale: 2,
  guidanceSchedule: 'linear',
  sampleTemperature: 1,
  choiceTemperature: [2, 0],
  order: 'confidence',
  maskSchedule: 'cosine',
};

/** Of the second stage: the paper's 8 steps. The coarse tokens say most of what there is to say. */
export const defaultSuperResSampling: SamplingDefaults = { ...defaultSampling, numSteps: 8, guidanceScale: 1 };

export interface ModelCard {
  readonly name: string;
  /** SPDX expression of the weights. */
  readonly license: string;
  readonly sampling: SamplingDefaults;
}

/** Of a model of two stages. */
export interface CascadeCard extends ModelCard {
  readonly superResSampling: SamplingDefaults;
}

interface VQGANToExport {
  readonly config: VQGANConfig;
  readonly parameters: Parameters;
}

export interface ModelToExport extends ModelCard {
  readonly backend: Backend;
  readonly vqgan: VQGANToExport;
  readonly textEncoder: {
    readonly config: T5Config;
    readonly parameters: Parameters;
    readonly tokenizer: TokenizerJson;
  };
  readonly transformer: { readonly config: MaskedTransformerConfig; readonly parameters: Parameters };
  /** The second stage, if there is one. */
  readonly superRes?: {
    readonly transformer: { readonly config: SuperResTransformerConfig; readonly parameters: Parameters };
    readonly vqgan: VQGANToExport;
  };
  /** How the second stage is sampled. Default `defaultSuperResSampling`. */
  readonly superResSampling?: SamplingDefaults;
  /** Default F16. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
}

export function modelIndex(card: ModelCard, imageSize: number): ModelIndex {
  return {
    format: 'muse',
    formatVersion: 1,
    name: card.name,
    license: card.license,
    components: { vqgan: 'VQGAN', text_encoder: 'T5Encoder', transformer: 'MaskedTransformer' },
    sampling: card.sampling,
    imageSize: [imageSize, imageSize],
  };
}

export function cascadeIndex(card: CascadeCard, imageSize: number, superResImageSize: number): ModelIndex {
  const base = modelIndex(card, imageSize);
  return {
    ...base,
    components: {
      ...base.components,
      super_res_transformer: 'SuperResTransformer',
      super_res_vqgan: 'VQGAN',
    },
    superResSampling: card.superResSampling,
    superResImageSize: [superResImageSize, superResImageSize],
  };
}

/** Writes a whole model folder under `path`: what `Muse.fromPretrained` loads. model_index.json comes last. */
export async function exportModelFolder(run: RunFolder, path: string, model: ModelToExport): Promise<void> {
  const { backend, vqgan, textEncoder, transformer, superRes, dtype = 'F16' } = model;
  const shared = { backend, dtype };
  await exportComponent(run, `${path}/vqgan`, { ...shared, ...vqgan, specs: vqganParameters(vqgan.config) });
  await exportComponent(run, `${path}/text_encoder`, {
    ...shared,
    parameters: textEncoder.parameters,
    specs: t5Parameters(textEncoder.config),
    config: t5ConfigJson(textEncoder.config),
  });
  await run.write(`${path}/text_encoder/tokenizer.json`, JSON.stringify(textEncoder.tokenizer));
  await exportComponent(run, `${path}/transformer`, {
    ...shared,
    ...transformer,
    specs: maskedTransformerParameters(transformer.config),
  });
  if (superRes) {
    await exportComponent(run, `${path}/super_res_vqgan`, {
      ...shared,
      ...superRes.vqgan,
      specs: vqganParameters(superRes.vqgan.config),
    });
    await exportComponent(run, `${path}/super_res_transformer`, {
      ...shared,
      ...superRes.transformer,
      specs: superResTransformerParameters(superRes.transformer.config),
    });
  }
  const { imageSize } = vqgan.config;
  const index = superRes
    ? cascadeIndex({ superResSampling: defaultSuperResSampling, ...model }, imageSize, superRes.vqgan.config.imageSize)
    : modelIndex(model, imageSize);
  await run.write(`${path}/model_index.json`, `${JSON.stringify(index, null, 2)}\n`);
}
