import type { ModelComponent } from '@muse/checkpoint';
import { duration } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';
import type { EncodeTextFlags, StatesWriter } from './encodeText.js';

/** Texts that go through the network together: each pass reads all weights. */
const TEXTS_PER_PASS = 64;

export interface EncodeTextT5Options extends EncodeTextFlags {
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/** Texts through a T5 whose weights stay in their file, so that XXL needs the memory of one of its blocks. */
export async function encodeTextWithT5(
  texts: readonly string[],
  component: ModelComponent,
  writer: StatesWriter,
  { device = 'auto', maxLength, weights = 'file', cache = true, signal, progress }: EncodeTextT5Options,
): Promise<void> {
  const [{ createBackend }, { openStreamedT5Encoder, padStates }, { defaultPromptCacheFolder, diskPromptCache }] =
    await Promise.all([import('@muse/backend'), import('@muse/t5-encoder'), import('@muse/t5-encoder/node')]);
  const backend = await createBackend({ device });
  progress.line(`Device ${backend.name} (${backend.reason})`);
  try {
    const kept = cache && { cache: diskPromptCache(defaultPromptCacheFolder()) };
    if (weights === 'int8') progress.update('Reading the weights …');
    const encoder = await openStreamedT5Encoder(backend, component, { weights, ...kept });
    try {
      const { numLayers, dModel, maxLength: usualLength } = encoder.config;
      const length = maxLength ?? usualLength;
      for (let start = 0; start < texts.length; start += TEXTS_PER_PASS) {
        const pass = texts.slice(start, start + TEXTS_PER_PASS);
        const spentMs = { embeddings: 0, cached: 0, weights: 0, compute: 0 };
        let numCached = 0;
        const states = await encoder.encodeTexts(pass, {
          maxLength: length,
          signal,
          onProgress: ({ stage, layer = 0, elapsedMs, numTexts }) => {
            spentMs[stage] += elapsedMs;
            if (stage === 'cached') numCached = numTexts;
            const ofAll = texts.length > 1 ? ` of texts ${start + 1} to ${start + pass.length}` : '';
            if (stage === 'compute') progress.update(`Block ${layer + 1} of ${numLayers}${ofAll}`);
          },
        });
        const fromCache = numCached > 0 ? `, ${numCached} of ${pass.length} from the cache` : '';
        const spent = `reading ${duration(spentMs.embeddings + spentMs.weights)}, computing ${duration(spentMs.compute)}`;
        progress.line(`${pass.length === 1 ? 'A text' : `${pass.length} texts`}: ${spent}${fromCache}`);
        for (const [index, entry] of states.entries()) {
          const { embeds, mask } = padStates([entry], length, dModel);
          await writer.write(pass[index]!, { embeds, mask, shape: [length, dModel] });
        }
      }
    } finally {
      await encoder.dispose();
    }
  } finally {
    await backend.dispose();
  }
}
