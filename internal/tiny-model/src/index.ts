import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Backend } from '@muse/backend';
import { initParameters, type ModelIndex, type ParameterSpec } from '@muse/checkpoint';
import { saveParameters, writeFileAtomic } from '@muse/checkpoint/node';
import {
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
  resolveSuperResTransformerConfig,
  superResTransformerParameters,
} from '@muse/masked-transformer';
import { resolveT5Config, T5Tokenizer, t5ConfigJson, t5Parameters, wordVocabularyTokenizer } from '@muse/t5-encoder';
import { resolveVQGANConfig, vqganParameters } from '@muse/vqgan';

/** Words of the tiny model; others are spelled in characters. */
const words = ['a', 'cat', 'dog', 'red', 'blue', 'smiling', 'style', '3d', 'on', 'white'];

/** model_index.json of the tiny model: 16 × 16 pixels, 8 × 8 tokens of 13 codes. */
export const tinyIndex: ModelIndex = {
  format: 'muse',
  formatVersion: 1,
  name: 'tiny',
  license: 'Apache-2.0',
  components: { vqgan: 'VQGAN', text_encoder: 'T5Encoder', transformer: 'MaskedTransformer' },
  sampling: {
    numSteps: 5,
    guidanceScale: 2,
    guidanceSchedule: 'linear',
    sampleTemperature: 1,
    choiceTemperature: [2, 0],
    order: 'confidence',
    maskSchedule: 'cosine',
  },
  imageSize: [16, 16],
};

/** model_index.json of the tiny model with a second stage: 32 × 32 pixels, 16 × 16 tokens of 17 codes. */
export const tinyCascadeIndex: ModelIndex = {
  ...tinyIndex,
  name: 'tiny-cascade',
  components: { ...tinyIndex.components, super_res_vqgan: 'VQGAN', super_res_transformer: 'SuperResTransformer' },
  superResSampling: { ...tinyIndex.sampling, numSteps: 3, guidanceScale: 1 },
  superResImageSize: [32, 32],
};

/** A part of a model folder to be made up. */
interface Component {
  readonly name: string;
  /** config.json. */
  readonly config: unknown;
  readonly specs: readonly ParameterSpec[];
  /** How much larger than usual the weights are. */
  readonly factor: number;
}

/**
 * Random weights are small by design, so that text and guidance would hardly move a token: matrices are made larger.
 * Norm weights stay 1.
 */
function withLouderWeights(specs: readonly ParameterSpec[], factor: number): ParameterSpec[] {
  return specs.map((spec) =>
    spec.init.kind === 'normal' ? { ...spec, init: { kind: 'normal', std: spec.init.std * factor } } : spec,
  );
}

/** Writes a model folder with random weights, the same for the same seed. */
export async function writeTinyModel(backend: Backend, path: string, seed = 1): Promise<void> {
  await writeModel(backend, path, tinyIndex, baseComponents(), seed);
}

/** Writes a model folder with both stages; its base is that of `writeTinyModel`. */
export async function writeTinyCascade(backend: Backend, path: string, seed = 1): Promise<void> {
  await writeModel(backend, path, tinyCascadeIndex, [...baseComponents(), ...superResComponents()], seed);
}

const tokenizer = wordVocabularyTokenizer(words);

function baseComponents(): Component[] {
  const { vocabSize } = T5Tokenizer.fromTokenizerJson(tokenizer);
  const vqgan = resolveVQGANConfig('tiny');
  const textEncoder = { ...resolveT5Config('tiny'), vocabSize };
  const transformer = resolveMaskedTransformerConfig('tiny');
  return [
    { name: 'vqgan', config: vqgan, specs: vqganParameters(vqgan), factor: 1 },
    { name: 'text_encoder', config: t5ConfigJson(textEncoder), specs: t5Parameters(textEncoder), factor: 1 },
    { name: 'transformer', config: transformer, specs: maskedTransformerParameters(transformer), factor: 20 },
  ];
}

function superResComponents(): Component[] {
  const transformer = resolveSuperResTransformerConfig('tiny');
  const { codebookSize } = transformer;
  const vqgan = { ...resolveVQGANConfig('tiny'), imageSize: 32, codebookSize };
  return [
    { name: 'super_res_vqgan', config: vqgan, specs: vqganParameters(vqgan), factor: 1 },
    {
      name: 'super_res_transformer',
      config: transformer,
      specs: superResTransformerParameters(transformer),
      factor: 20,
    },
  ];
}

async function writeModel(
  backend: Backend,
  path: string,
  index: ModelIndex,
  components: readonly Component[],
  seed: number,
): Promise<void> {
  await mkdir(path, { recursive: true });
  await writeFileAtomic(join(path, 'model_index.json'), JSON.stringify(index, null, 2));
  for (const { name, config, specs, factor } of components) {
    const folder = join(path, name);
    await mkdir(folder, { recursive: true });
    await writeFileAtomic(join(folder, 'config.json'), JSON.stringify(config, null, 2));
    const parameters = initParameters(backend, withLouderWeights(specs, factor), seed);
    try {
      await saveParameters(join(folder, 'model.safetensors'), parameters, specs, { dtype: 'F16' });
    } finally {
      for (const tensor of parameters.values()) tensor.dispose();
    }
  }
  await writeFileAtomic(join(path, 'text_encoder/tokenizer.json'), JSON.stringify(tokenizer));
}
