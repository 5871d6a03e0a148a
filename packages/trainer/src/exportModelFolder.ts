import type { Backend } from '@muse/backend';
import type { ModelIndex, Parameters, SamplingDefaults } from '@muse/checkpoint';
import { type MaskedTransformerConfig, maskedTransformerParameters } from '@muse/masked-transformer';
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

export interface ModelCard {
  readonly name: string;
  /** SPDX expression of the weights. */
  readonly license: string;
  readonly sampling: SamplingDefaults;
}

export interface ModelToExport extends ModelCard {
  readonly backend: Backend;
  readonly vqgan: { readonly config: VQGANConfig; readonly parameters: Parameters };
  readonly textEncoder: {
    readonly config: T5Config;
    readonly parameters: Parameters;
    readonly tokenizer: TokenizerJson;
  };
  readonly transformer: { readonly config: MaskedTransformerConfig; readonly parameters: Parameters };
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

/** Writes a whole model folder under `path`: what `Muse.fromPretrained` loads. model_index.json comes last. */
export async function exportModelFolder(run: RunFolder, path: string, model: ModelToExport): Promise<void> {
  const { backend, vqgan, textEncoder, transformer, dtype = 'F16' } = model;
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
  const index = modelIndex(model, vqgan.config.imageSize);
  await run.write(`${path}/model_index.json`, `${JSON.stringify(index, null, 2)}\n`);
}
