import { ConfigError } from '@muse/backend';
import { type MaskedTransformerConfig, resolveMaskedTransformerConfig } from '@muse/masked-transformer';
import { resolveT5Config, type T5Config } from '@muse/t5-encoder';
import type { BaseTrainingOptions } from './trainBase.js';

export interface BaseConfigs {
  readonly transformer: MaskedTransformerConfig;
  readonly textEncoder: T5Config;
}

/** Configurations that fit each other and the tokenizer. */
export function resolveBaseConfigs(
  { vqgan, dataset, config = 'emoji', textConfig = 'emoji' }: BaseTrainingOptions,
  vocabSize: number,
): BaseConfigs {
  if (dataset.imageSize !== vqgan.config.imageSize) {
    throw new ConfigError(
      { package: 'trainer', in: 'trainBase' },
      `expected images of the tokenizer's ${vqgan.config.imageSize} pixels, got ${dataset.imageSize}`,
    );
  }
  const textFields = typeof textConfig === 'string' ? {} : textConfig;
  const textEncoder = resolveT5Config(typeof textConfig === 'string' ? textConfig : 'emoji', {
    ...textFields,
    vocabSize,
  });
  const fields = typeof config === 'string' ? {} : config;
  const transformer = resolveMaskedTransformerConfig(typeof config === 'string' ? config : 'emoji', {
    ...fields,
    codebookSize: vqgan.config.codebookSize,
    latentSize: dataset.imageSize / vqgan.downsampleFactor,
    textDim: textEncoder.dModel,
  });
  return { transformer, textEncoder };
}
