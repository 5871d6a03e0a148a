import type { FolderSource } from '@muse/checkpoint';
import { Muse as NeutralMuse } from '../muse.js';
import { type LoadOptions, loadMuseParts } from '../museParts.js';
import { resolveModelFolder } from './resolveModelFolder.js';

export interface NodeLoadOptions extends LoadOptions {
  /** `import.meta.url` of the module whose packages are looked through first. */
  readonly resolveFrom?: string;
}

/** The pipeline under Node, which finds models by path and by package name. */
export class Muse extends NeutralMuse {
  /**
   * Loads a model.
   *
   * @param source path of a model folder, name of an installed package such as `@muse/model-emoji`, or a FolderSource
   * @throws WeightError, ConfigError for a model that can't be used; UnsupportedBackendError for a device that can't be had
   */
  static override async fromPretrained(source: string | FolderSource, options: NodeLoadOptions = {}): Promise<Muse> {
    const folder = typeof source === 'string' ? resolveModelFolder(source, options.resolveFrom) : source;
    return new Muse(await loadMuseParts(folder, options));
  }
}
