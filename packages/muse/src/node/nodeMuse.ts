import type { FolderSource, HubProgress } from '@muse/checkpoint';
import { Muse as NeutralMuse } from '../muse.js';
import { type LoadOptions, loadMuseParts } from '../museParts.js';
import type { LoadProgress } from '../progress.js';
import { type ResolveModelOptions, resolveModelFolder } from './resolveModelFolder.js';

/** What loading a model from anywhere reports: `fetch`, `retry` and `offline` are of the network. */
export type NodeLoadProgress = LoadProgress | HubProgress;

export interface NodeLoadOptions extends Omit<LoadOptions, 'onProgress'>, Omit<ResolveModelOptions, 'onProgress'> {
  readonly onProgress?: (progress: NodeLoadProgress) => void;
}

/** The pipeline under Node, which finds models by path, by package name, on the hub and by URL. */
export class Muse extends NeutralMuse {
  /**
   * Loads a model.
   *
   * @param source path of a model folder, name of an installed package such as `@muse/model-emoji`, `org/name` of the
   *   Hugging Face hub, a URL, or a FolderSource
   * @throws WeightError, ConfigError for a model that can't be used; UnsupportedBackendError for a device that can't be had
   */
  static override async fromPretrained(source: string | FolderSource, options: NodeLoadOptions = {}): Promise<Muse> {
    const folder = typeof source === 'string' ? await resolveModelFolder(source, options) : source;
    return new Muse(await loadMuseParts(folder, options));
  }
}
