import type { ModelComponent } from '@muse/checkpoint';
import type { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type ModelFlags, sourceOptions } from './modelFlags.js';

export interface OpenPartOptions extends ModelFlags {
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/**
 * A model that is one network and no pipeline: a folder with `config.json` and no `model_index.json`, as a T5 or a VQGAN is
 * published. Undefined for a pipeline, the default model among them.
 */
export async function openPart(options: OpenPartOptions): Promise<ModelComponent | undefined> {
  const { model, signal, progress } = options;
  if (model === undefined) return undefined;
  const [{ resolveFolder }, { openCheckpoint, readJson }] = await Promise.all([
    import('@muse/checkpoint/node'),
    import('@muse/checkpoint'),
  ]);
  const folder = await resolveFolder(model, {
    ...sourceOptions(options),
    signal,
    resolveFrom: [import.meta.url],
    onProgress: (event) => showLoading(model, event, progress),
  });
  if ((await folder.has('model_index.json')) || !(await folder.has('config.json'))) return undefined;
  const config = await readJson(folder, 'config.json');
  return { name: model, config, folder, checkpoint: () => openCheckpoint(folder) };
}
