import { type Backend, WeightError } from '@muse/backend';
import {
  type Checkpoint,
  type FolderSource,
  type LoadModelOptions,
  loadComponentParameters,
  type ModelComponent,
  readBytes,
  readJson,
} from '@muse/checkpoint';
import { ClipImageEncoder } from './clipImageEncoder.js';
import { ClipTextEncoder, checkTokenizer } from './clipTextEncoder.js';
import { resolveClipImageConfig, resolveClipTextConfig } from './config.js';
import { clipImageParameters, clipTextParameters } from './parameters.js';
import { ClipTokenizer } from './tokenizer/clipTokenizer.js';
import { towerOf } from './weights.js';

export interface LoadClipOptions extends LoadModelOptions {
  /** Where the tokenizer's files are. Default: beside the weights. */
  readonly tokenizerFolder?: FolderSource;
}

/**
 * Loads a text encoder as transformers publishes it: `config.json` and `model.safetensors` of a
 * CLIPTextModelWithProjection or a whole CLIPModel; `vocab.json` and `merges.txt`, or else `tokenizer.json`. The caller
 * disposes it.
 *
 * @throws ConfigError for a bad config; WeightError for bad weights, or a tokenizer that is missing or bad;
 * UnsupportedBackendError for a dtype that the device lacks
 */
export async function loadClipTextEncoder(
  backend: Backend,
  component: ModelComponent,
  { tokenizerFolder = component.folder, dtype }: LoadClipOptions = {},
): Promise<ClipTextEncoder> {
  const config = resolveClipTextConfig(component.config);
  const tokenizer = await loadClipTokenizer(tokenizerFolder);
  checkTokenizer(config, tokenizer);
  const options = { view: (checkpoint: Checkpoint) => towerOf(checkpoint, 'text'), dtype };
  const parameters = await loadComponentParameters(backend, component, clipTextParameters(config), options);
  return new ClipTextEncoder(backend, config, parameters, tokenizer);
}

/**
 * Loads an image encoder as transformers publishes it: `config.json` and `model.safetensors` of a
 * CLIPVisionModelWithProjection or a whole CLIPModel. The caller disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for bad weights
 */
export async function loadClipImageEncoder(backend: Backend, component: ModelComponent): Promise<ClipImageEncoder> {
  const config = resolveClipImageConfig(component.config);
  const view = (checkpoint: Checkpoint) => towerOf(checkpoint, 'image');
  const parameters = await loadComponentParameters(backend, component, clipImageParameters(config), { view });
  return new ClipImageEncoder(backend, config, parameters);
}

/**
 * A tokenizer from its folder: vocab.json and merges.txt, or else tokenizer.json.
 *
 * @throws WeightError when neither is there, or they are bad
 */
export async function loadClipTokenizer(folder: FolderSource): Promise<ClipTokenizer> {
  const config = (await folder.has('tokenizer_config.json'))
    ? await readJson(folder, 'tokenizer_config.json')
    : undefined;
  const [hasVocab, hasMerges] = [await folder.has('vocab.json'), await folder.has('merges.txt')];
  if (hasVocab && hasMerges) {
    const merges = new TextDecoder().decode(await readBytes(folder, 'merges.txt'));
    return ClipTokenizer.fromFiles({ vocab: await readJson(folder, 'vocab.json'), merges, config });
  }
  if (await folder.has('tokenizer.json')) {
    return ClipTokenizer.fromTokenizerJson(await readJson(folder, 'tokenizer.json'), config);
  }
  const found = hasVocab ? 'vocab.json alone' : hasMerges ? 'merges.txt alone' : 'none';
  throw new WeightError(
    { package: 'clip-encoder', in: 'loadClipTokenizer' },
    `expected vocab.json and merges.txt, or tokenizer.json, in ${folder.location}, got ${found}`,
  );
}
