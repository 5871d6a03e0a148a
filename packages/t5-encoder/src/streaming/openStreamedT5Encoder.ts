import type { Backend } from '@muse/backend';
import { checkSpecs, type ModelComponent } from '@muse/checkpoint';
import { resolveT5Config } from '../config.js';
import { loadTokenizer } from '../loadT5Encoder.js';
import { positionBiasName, t5Parameters } from '../parameters.js';
import { checkTokenizer } from '../t5Encoder.js';
import { encoderOnly } from '../weights.js';
import { checkpointBlocks, fileLayout, loadSome } from './blockSource.js';
import type { PromptCache } from './promptCache.js';
import { modelFingerprint } from './promptKey.js';
import { StreamedT5Encoder } from './streamedT5Encoder.js';

export interface StreamedT5Options {
  /** Where states are kept for later calls; none if left out. */
  readonly cache?: PromptCache;
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
  { cache }: StreamedT5Options = {},
): Promise<StreamedT5Encoder> {
  const config = resolveT5Config(component.config);
  const tokenizer = await loadTokenizer(component);
  checkTokenizer(config, tokenizer);
  const file = await component.checkpoint();
  try {
    const checkpoint = encoderOnly(file);
    const specs = fileLayout(t5Parameters(config));
    checkSpecs(checkpoint.name, checkpoint, specs);
    const fingerprint = await modelFingerprint(checkpoint, config, `f32 ${backend.name}`);
    const isFixed = (name: string) => name === positionBiasName || name === 'encoder.final_layer_norm.weight';
    const fixed = await loadSome(
      backend,
      checkpoint,
      specs.filter(({ name }) => isFixed(name)),
    );
    const blocks = checkpointBlocks(backend, checkpoint, config);
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
