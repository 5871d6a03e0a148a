import { type Backend, ConfigError } from '@muse/backend';
import { checkSpecs, type ModelComponent } from '@muse/checkpoint';
import { resolveT5Config } from '../config.js';
import { loadTokenizer } from '../loadT5Encoder.js';
import { positionBiasName, t5Parameters } from '../parameters.js';
import { checkTokenizer } from '../t5Encoder.js';
import { encoderOnly } from '../weights.js';
import { checkpointBlocks, fileLayout, loadSome } from './blockSource.js';
import { int8Blocks } from './int8Blocks.js';
import type { PromptCache } from './promptCache.js';
import { modelFingerprint } from './promptKey.js';
import { StreamedT5Encoder } from './streamedT5Encoder.js';

export interface StreamedT5Options {
  /** Where states are kept for later calls; none if left out. */
  readonly cache?: PromptCache;
  /**
   * `file` (default): blocks are read anew for each call. `int8`: they are read once and kept in memory at 8 bits per
   * weight with a scale per output channel, a quarter of f32; states are then off by a few hundredths.
   */
  readonly weights?: 'file' | 'int8';
}

/**
 * Opens an encoder whose weights stay where they are: `config.json`, safetensors (whole or in shards, of the encoder or of
 * the whole T5), `tokenizer.json` or else `spiece.model` (or neither: then it takes ids alone). Names, shapes and dtypes are checked here, values as each block is
 * read. The caller disposes it.
 *
 * @throws ConfigError for a bad config, WeightError for bad weights or a bad tokenizer
 */
export async function openStreamedT5Encoder(
  backend: Backend,
  component: ModelComponent,
  { cache, weights = 'file' }: StreamedT5Options = {},
): Promise<StreamedT5Encoder> {
  const kinds = ['file', 'int8'];
  if (!kinds.includes(weights)) {
    throw new ConfigError(
      { package: 't5-encoder', in: 'openStreamedT5Encoder' },
      `expected weights to be one of ${kinds.join(', ')}, got ${String(weights)}`,
    );
  }
  const config = resolveT5Config(component.config);
  const tokenizer = await loadTokenizer(component);
  checkTokenizer(config, tokenizer);
  const file = await component.checkpoint();
  try {
    const checkpoint = encoderOnly(file);
    const specs = fileLayout(t5Parameters(config));
    checkSpecs(checkpoint.name, checkpoint, specs);
    const fingerprint = await modelFingerprint(checkpoint, config, `${weights} ${backend.name}`);
    const blockSources = { file: checkpointBlocks, int8: int8Blocks };
    const blocks = await blockSources[weights](backend, checkpoint, config);
    const isFixed = (name: string) => name === positionBiasName || name === 'encoder.final_layer_norm.weight';
    const fixed = await loadSome(
      backend,
      checkpoint,
      specs.filter(({ name }) => isFixed(name)),
    );
    return new StreamedT5Encoder({
      ...{ backend, config, checkpoint, blocks, fixed, fingerprint },
      ...(tokenizer && { tokenizer }),
      ...(cache && { cache }),
    });
  } catch (error) {
    await file.close();
    throw error;
  }
}
