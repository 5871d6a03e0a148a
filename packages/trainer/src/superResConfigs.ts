import { ConfigError } from '@muse/backend';
import { resolveSuperResTransformerConfig, type SuperResTransformerConfig } from '@muse/masked-transformer';
import type { T5Encoder } from '@muse/t5-encoder';
import type { VQGAN } from '@muse/vqgan';
import type { ImagePair, SuperResTrainingOptions } from './trainSuperRes.js';

const place = { package: 'trainer', in: 'trainSuperRes' };

/** A configuration that fits both tokenizers and the text encoder. */
export function resolveSuperResConfig(
  config: SuperResTrainingOptions['config'] = 'emoji',
  { vqgan, coarseVqgan, textEncoder }: { vqgan: VQGAN; coarseVqgan: VQGAN; textEncoder: T5Encoder },
): SuperResTransformerConfig {
  const [preset, fields] = typeof config === 'string' ? [config, {}] : ['emoji', config];
  return resolveSuperResTransformerConfig(preset, {
    ...fields,
    latentSize: vqgan.config.imageSize / vqgan.downsampleFactor,
    codebookSize: vqgan.config.codebookSize,
    coarseLatentSize: coarseVqgan.config.imageSize / coarseVqgan.downsampleFactor,
    coarseCodebookSize: coarseVqgan.config.codebookSize,
    textDim: textEncoder.config.dModel,
  });
}

/** @throws ConfigError unless the two are as many images, each of its tokenizer's size */
export function checkImagePair(name: string, { fine, coarse }: ImagePair, vqgan: VQGAN, coarseVqgan: VQGAN): void {
  const must = (expected: string, want: number, got: number) => {
    if (want !== got) throw new ConfigError(place, `expected ${name}.${expected} ${want}, got ${got}`);
  };
  must("fine of the fine tokenizer's image size", vqgan.config.imageSize, fine.imageSize);
  must("coarse of the base model's image size", coarseVqgan.config.imageSize, coarse.imageSize);
  must('coarse to be as many images as fine,', fine.size, coarse.size);
}
