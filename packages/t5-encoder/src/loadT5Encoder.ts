import { type Backend, WeightError } from '@muse/backend';
import {
  type LoadModelOptions,
  loadComponentParameters,
  type ModelComponent,
  readBytes,
  readJson,
} from '@muse/checkpoint';
import { resolveT5Config } from './config.js';
import { t5Parameters } from './parameters.js';
import { checkTokenizer, T5Encoder } from './t5Encoder.js';
import { T5Tokenizer } from './tokenizer/t5Tokenizer.js';
import { encoderOnly } from './weights.js';

/**
 * Loads an encoder: `config.json` (transformers' or ours), `model.safetensors` (of the encoder or of the whole T5), and
 * `tokenizer.json` or else `spiece.model`; without either the encoder has no tokenizer. The caller disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for bad weights or a bad tokenizer, UnsupportedBackendError for a dtype that the
 * device lacks
 */
export async function loadT5Encoder(
  backend: Backend,
  component: ModelComponent,
  { dtype }: LoadModelOptions = {},
): Promise<T5Encoder> {
  const config = resolveT5Config(component.config);
  const tokenizer = await loadTokenizer(component);
  checkTokenizer(config, tokenizer);
  const options = { view: encoderOnly, dtype };
  const parameters = await loadComponentParameters(backend, component, t5Parameters(config), options);
  return new T5Encoder(backend, config, parameters, tokenizer);
}

/** `tokenizer.json`, or else `spiece.model`, or else none. @throws WeightError that names the file */
export async function loadTokenizer({ folder }: ModelComponent): Promise<T5Tokenizer | undefined> {
  if (await folder.has('tokenizer.json')) {
    const json = await readJson(folder, 'tokenizer.json');
    return inFile(`${folder.location}/tokenizer.json`, () => T5Tokenizer.fromTokenizerJson(json));
  }
  if (await folder.has('spiece.model')) {
    const bytes = await readBytes(folder, 'spiece.model');
    return inFile(`${folder.location}/spiece.model`, () => T5Tokenizer.fromSentencePiece(bytes));
  }
  return undefined;
}

function inFile(path: string, read: () => T5Tokenizer): T5Tokenizer {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof WeightError)) throw cause;
    throw new WeightError({ package: 't5-encoder', in: 'loadTokenizer' }, `${path}: ${cause.message}`, { cause });
  }
}
