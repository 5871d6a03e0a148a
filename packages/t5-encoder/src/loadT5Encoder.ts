import type { Backend } from '@muse/backend';
import { loadComponentParameters, type ModelComponent, readBytes, readJson } from '@muse/checkpoint';
import { resolveT5Config } from './config.js';
import { t5Parameters } from './parameters.js';
import { checkTokenizer, T5Encoder } from './t5Encoder.js';
import { T5Tokenizer } from './tokenizer/t5Tokenizer.js';
import { encoderOnly } from './weights.js';

/**
 * Loads an encoder: `config.json` (transformers' or ours), `model.safetensors` (of the encoder or of the whole T5), and
 * `tokenizer.json` or else `spiece.model`; without either the encoder has no tokenizer. The caller disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for bad weights or a bad tokenizer
 */
export async function loadT5Encoder(backend: Backend, component: ModelComponent): Promise<T5Encoder> {
  const config = resolveT5Config(component.config);
  const tokenizer = await loadTokenizer(component);
  checkTokenizer(config, tokenizer);
  const parameters = await loadComponentParameters(backend, component, t5Parameters(config), { view: encoderOnly });
  return new T5Encoder(backend, config, parameters, tokenizer);
}

/** `tokenizer.json`, or else `spiece.model`, or else none. */
export async function loadTokenizer({ folder }: ModelComponent): Promise<T5Tokenizer | undefined> {
  if (await folder.has('tokenizer.json')) {
    return T5Tokenizer.fromTokenizerJson(await readJson(folder, 'tokenizer.json'));
  }
  if (await folder.has('spiece.model')) {
    return T5Tokenizer.fromSentencePiece(await readBytes(folder, 'spiece.model'));
  }
  return undefined;
}
