import type { RgbaImage, StageName, TokenGrid } from '@muse/muse';
import { UsageError } from '../errors.js';
import { loadModel } from './loadModel.js';
import { type OpenPartOptions, openPart } from './openPart.js';

/** Images to tokens and back, by a pipeline or by a VQGAN alone. */
export interface LoadedTokenizer {
  encodeImage(image: RgbaImage): Promise<TokenGrid>;
  decodeTokens(tokenIds: Int32Array, grid: readonly [number, number], stage: StageName): Promise<RgbaImage>;
  dispose(): Promise<void>;
}

/** Loads what `encode-image` and `decode-tokens` need. The caller disposes it. */
export async function loadTokenizer(options: OpenPartOptions): Promise<LoadedTokenizer> {
  const { folder, part } = await openPart(options);
  if (!part) return loadModel({ ...options, folder });
  const { device = 'auto', progress } = options;
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
      async decodeTokens(tokenIds, grid, stage) {
        if (stage !== 'base') throw new UsageError(`--stage ${stage}: ${part.name} is a VQGAN alone, of one stage`);
        return images.decodeTokens(tokenIds, grid);
      },
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
