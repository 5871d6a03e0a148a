import type { FolderSource, ModelComponent } from '@muse/checkpoint';
import type { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type ModelFlags, sourceOptions } from './modelFlags.js';

export interface OpenPartOptions extends ModelFlags {
  readonly signal: AbortSignal;
  readonly progress: ProgressLine;
}

/** One of the two, or neither: the default model, and a folder that is no model, of which loading says so. */
export interface OpenedModel {
  /** Of a pipeline. */
  readonly folder?: FolderSource;
  /** A model that is one network and no pipeline, as a T5 or a VQGAN is published. */
  readonly part?: ModelComponent;
}

/** Tells a pipeline, which has `model_index.json`, from a network alone: a folder with `config.json` or `model.safetensors`. */
export async function openPart(options: OpenPartOptions): Promise<OpenedModel> {
  const { model, signal, progress } = options;
  if (model === undefined) return {};
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
  if (await folder.has('model_index.json')) return { folder };
  const hasConfig = await folder.has('config.json');
  // Some VQGANs come as weights alone: their names and shapes say the rest.
  if (!hasConfig && !(await folder.has('model.safetensors'))) return {};
  const config = hasConfig ? await readJson(folder, 'config.json') : {};
  return { part: { name: model, config, folder, checkpoint: () => openCheckpoint(folder) } };
}
