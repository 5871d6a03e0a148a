import { ConfigError } from '@muse/backend';
import type { ModelIndex } from '@muse/checkpoint';
import type { MaskedTransformer } from '@muse/masked-transformer';
import { isAmused, type MuseParts, type SuperResParts } from './museParts.js';

type Must = (expected: string, want: number, got: number) => void;

/** @throws ConfigError when the parts don't fit together */
export function checkParts(parts: MuseParts): void {
  const { vqgan, textEncoder, transformer, superRes, index } = parts;
  const place = { package: 'muse', in: 'createMuse' };
  const must: Must = (expected, want, got) => {
    if (want !== got) throw new ConfigError(place, `expected ${expected} ${want}, got ${got}`);
  };
  const { codebookSize, latentSize, textDim } = transformer.config;
  if (isAmused(parts)) {
    const { hiddenSize, projectionDim } = parts.textEncoder.config;
    const of = (field: string, file: string, theirs: string) =>
      `${field} of transformer/config.json to be ${theirs} of ${file}/config.json,`;
    must(of('codebook_size', 'vqvae', 'num_vq_embeddings'), vqgan.config.codebookSize, codebookSize);
    must(of('encoder_hidden_size', 'text_encoder', 'hidden_size'), hiddenSize, textDim);
    const { pooledTextDim } = parts.transformer.config;
    must(of('cond_embed_dim', 'text_encoder', 'projection_dim'), projectionDim, pooledTextDim);
  } else {
    const of = (field: string) => `${field} of transformer/config.json to be`;
    must(`${of('codebookSize')} the VQGAN's`, vqgan.config.codebookSize, codebookSize);
    must(`${of('textDim')} the text encoder's dModel`, parts.textEncoder.config.dModel, textDim);
  }
  for (const side of index.imageSize) {
    must(
      'imageSize of model_index.json to be latentSize · downsampleFactor',
      latentSize * vqgan.downsampleFactor,
      side,
    );
  }
  if (!textEncoder.tokenizer)
    throw new ConfigError(place, 'expected a text encoder with a tokenizer.json, got one without');
  if ((index.superResSampling !== undefined) !== (superRes !== undefined)) {
    const got = superRes ? 'parts of one that the index lacks' : 'an index with one and no parts';
    throw new ConfigError(place, `expected a super-resolution stage in parts and index or in neither, got ${got}`);
  }
  if (superRes) checkSuperRes(must, superRes, transformer as MaskedTransformer, index);
}

function checkSuperRes(must: Must, superRes: SuperResParts, base: MaskedTransformer, index: ModelIndex): void {
  const { vqgan, transformer } = superRes;
  const { codebookSize, coarseCodebookSize, coarseLatentSize, latentSize, textDim } = transformer.config;
  const of = (field: string) => `${field} of super_res_transformer/config.json to be`;
  must(`${of('codebookSize')} its VQGAN's`, vqgan.config.codebookSize, codebookSize);
  must(`${of('coarseCodebookSize')} the base's`, base.config.codebookSize, coarseCodebookSize);
  must(`${of('coarseLatentSize')} the base's`, base.config.latentSize, coarseLatentSize);
  must(`${of('textDim')} the base's`, base.config.textDim, textDim);
  for (const side of index.superResImageSize!) {
    must(
      'superResImageSize of model_index.json to be latentSize · downsampleFactor',
      latentSize * vqgan.downsampleFactor,
      side,
    );
  }
}
