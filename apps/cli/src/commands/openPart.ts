import type { ModelComponent } from '@muse/checkpoint';
import type { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type ModelFlags, sourceOptions } from './modelFlags.js';

export interface OpenPartOptions extends ModelFlags {
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/**
 * A model that is one network and no pipeline: a folder with `config.json` or `model.safetensors`, and no `model_index.json`,
 * as a T5 or a VQGAN is published. Undefined for a pipeline, the default model among them.
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
  if (await folder.has('model_index.json')) return undefined;
  const hasConfig = await folder.has('config.json');
  // Some VQGANs come as weights alone: their names and shapes say the rest.
  if (!hasConfig && !(await folder.has('model.safetensors'))) return undefined;
  const config = hasConfig ? await readJson(folder, 'config.json') : {};
  return { name: model, config, folder, checkpoint: () => openCheckpoint(folder) };
}
