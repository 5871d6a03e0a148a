import type { FolderSource } from '@muse/checkpoint';
import type { Muse } from '@muse/muse';
import type { NodeLoadProgress } from '@muse/muse/node';
import type { EncodeProgress } from '@muse/t5-encoder';
import { byteSize, duration } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';
import { defaultModel } from '../values.js';
import { type ModelFlags, sourceOptions } from './modelFlags.js';

export interface LoadModelOptions extends ModelFlags {
  /** The model's folder, where it is found already. */
  readonly folder?: FolderSource;
  /** False to encode texts again that were encoded before. */
  readonly cache?: boolean;
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/** What `--revision` and `--variant` would have to be to load the same again: a commit, of a model on the hub. */
export interface LoadedSource {
  readonly revision?: string;
  readonly variant?: string;
}

/** Loads a model by path, package name, name on the hub or URL, with progress. The caller disposes it. */
export async function loadModel(options: LoadModelOptions): Promise<Muse> {
  return (await loadModelWithSource(options)).muse;
}

/** {@link loadModel}, and which files of the model were loaded. */
export async function loadModelWithSource(options: LoadModelOptions): Promise<{ muse: Muse; source: LoadedSource }> {
  const { model = defaultModel, device = 'auto', dtype, textEncoder, cache = true, signal, progress } = options;
  progress.update(`Loading ${model} …`);
  const [{ Muse, resolveModelFolder }, { defaultPromptCacheFolder, diskPromptCache }] = await Promise.all([
    import('@muse/muse/node'),
    import('@muse/t5-encoder/node'),
  ]);
  const onProgress = (event: NodeLoadProgress) => showLoading(model, event, progress);
  const found = { ...sourceOptions(options), signal, onProgress };
  const folder = options.folder ?? (await resolveModelFolder(model, { ...found, resolveFrom: import.meta.url }));
  const { commit, variant } = folder;
  const source = { ...(commit !== undefined && { revision: commit }), ...(variant !== undefined && { variant }) };
  const muse = await Muse.fromPretrained(folder, {
    ...found,
    device,
    dtype,
    textEncoder,
    ...(cache && { promptCache: diskPromptCache(defaultPromptCacheFolder()) }),
    onTextProgress: (event) => showEncoding(event, progress),
  });
  if (muse.textEncoder === 'streamed') progress.line('Text encoder: read block by block for each new prompt');
  return { muse, source };
}

/** What happens while a text encoder whose weights stay in their file reads a prompt. */
function showEncoding({ stage, layer = 0, numLayers, numTexts }: EncodeProgress, progress: ProgressLine): void {
  const texts = numTexts === 1 ? 'a text' : `${numTexts} texts`;
  if (stage === 'cached') progress.line(`Text encoder: ${texts} from the cache`);
  if (stage === 'compute') progress.update(`Encoding ${texts}: block ${layer + 1} of ${numLayers}`);
}

/** What happens while a model is fetched and loaded. */
export function showLoading(model: string, event: NodeLoadProgress, progress: ProgressLine): void {
  if (event.status === 'device') progress.line(`Device ${event.device} (${event.reason})`);
  if (event.status === 'retry') progress.line(`${event.name}: ${event.reason}; again in ${duration(event.delayMs)}`);
  if (event.status === 'offline') progress.line(`${event.name}: ${event.reason}; what is cached is used`);
  if (event.status === 'fetch') {
    progress.update(`Downloading: ${shareOf(event)}, ${event.file} of ${event.name}`);
  }
  if (event.status === 'progress' && event.file.endsWith('.safetensors')) {
    const part = event.file.split('/')[0]!.replaceAll('_', ' ');
    progress.update(`Loading: ${shareOf(event)}, ${part} of ${model}`);
  }
}

/** Comes before the names, which a narrow terminal cuts. */
function shareOf({ progress, total }: { readonly progress: number; readonly total: number }): string {
  return `${Math.floor(progress)}% of ${byteSize(total)}`;
}
