import type { ModelComponent } from '@muse/checkpoint';
import type { ImageTokenizer, StageName } from '@muse/muse';
import { UsageError } from '../errors.js';
import { defaultModel } from '../values.js';
import { sourceOptions } from './modelFlags.js';
import { type OpenPartOptions, openPart } from './openPart.js';

/** Images to tokens of a stage and back. */
export interface LoadedTokenizer extends Pick<ImageTokenizer, 'encodeImage' | 'decodeTokens'> {
  dispose(): Promise<void>;
}

/**
 * Loads what `encode-image` and `decode-tokens` need, the VQGAN of a pipeline's stage or one that is alone, and nothing else of
 * the model. The caller disposes it.
 */
export async function loadTokenizer(stage: StageName, options: OpenPartOptions): Promise<LoadedTokenizer> {
  const { device = 'auto', progress } = options;
  const part = await findVQGAN(stage, options);
  const [{ createBackend }, { loadImageTokenizer }, { ImageTokenizer }] = await Promise.all([
    import('@muse/backend'),
    import('@muse/vqgan'),
    import('@muse/muse'),
  ]);
  const backend = await createBackend({ device });
  progress.line(`Device ${backend.name} (${backend.reason})`);
  progress.update(`Loading ${part.name} …`);
  try {
    const vqgan = await loadImageTokenizer(backend, part);
    const images = new ImageTokenizer(vqgan);
    return {
      encodeImage: (image) => images.encodeImage(image),
      decodeTokens: (tokenIds, grid) => images.decodeTokens(tokenIds, grid),
      async dispose() {
        images.dispose();
        vqgan.dispose();
        await backend.dispose();
      },
    };
  } catch (error) {
    await backend.dispose();
    throw error;
  }
}

async function findVQGAN(stage: StageName, options: OpenPartOptions): Promise<ModelComponent> {
  const { model = defaultModel, signal } = options;
  const { folder, part } = await openPart(options);
  if (part) {
    if (stage !== 'base') throw new UsageError(`--stage ${stage}: ${part.name} is a VQGAN alone, of one stage`);
    return part;
  }
  const [{ openModelFolder }, { resolveModelFolder, vqganComponent }] = await Promise.all([
    import('@muse/checkpoint'),
    import('@muse/muse/node'),
  ]);
  const found = { ...sourceOptions(options), signal, resolveFrom: import.meta.url };
  const { index, component } = await openModelFolder(folder ?? (await resolveModelFolder(model, found)));
  if (stage === 'super-res' && !index.superResSampling) {
    const got = `${index.name}, without one`;
    throw new UsageError(`--stage ${stage}: expected a model with a super-resolution stage, got ${got}`);
  }
  return component(vqganComponent(index, stage));
}
