import type { Muse } from '@muse/muse';
import type { NodeLoadProgress } from '@muse/muse/node';
import { byteSize, duration } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';
import { defaultModel } from '../values.js';
import { type ModelFlags, sourceOptions } from './modelFlags.js';

export interface LoadModelOptions extends ModelFlags {
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
  const { model = defaultModel, device = 'auto', dtype, signal, progress } = options;
  progress.update(`Loading ${model} …`);
  const { Muse, resolveModelFolder } = await import('@muse/muse/node');
  const onProgress = (event: NodeLoadProgress) => showLoading(model, event, progress);
  const found = { ...sourceOptions(options), signal, onProgress };
  const folder = await resolveModelFolder(model, { ...found, resolveFrom: import.meta.url });
  const { commit, variant } = folder;
  const source = { ...(commit !== undefined && { revision: commit }), ...(variant !== undefined && { variant }) };
  return { muse: await Muse.fromPretrained(folder, { ...found, device, dtype }), source };
}

/** What happens while a model is fetched and loaded. */
export function showLoading(model: string, event: NodeLoadProgress, progress: ProgressLine): void {
  if (event.status === 'device') progress.line(`Device ${event.device} (${event.reason})`);
  if (event.status === 'retry') progress.line(`${event.name}: ${event.reason}; again in ${duration(event.delayMs)}`);
  if (event.status === 'offline') progress.line(`${event.name}: ${event.reason}; what is cached is used`);
  if (event.status === 'fetch') {
    const percent = Math.floor(event.progress);
    progress.update(`Downloading ${event.name}: ${event.file}, ${percent}% of ${byteSize(event.total)}`);
  }
  if (event.status === 'progress' && event.file.endsWith('.safetensors')) {
    const part = event.file.split('/')[0]!.replace('_', ' ');
    const percent = Math.floor(event.progress);
    progress.update(`Loading ${model}: ${part}, ${percent}% of ${byteSize(event.total)}`);
  }
}
