import type { DeviceName, ModelDtype } from '@muse/backend';
import type { TextEncoderPlace } from '@muse/muse';

/** Options of every command that loads a model. */
export interface ModelFlags {
  /** Default: the model that comes with the command. */
  readonly model?: string;
  /** Of a model on the hub. */
  readonly revision?: string;
  readonly variant?: string;
  readonly cacheDir?: string;
  readonly offline?: boolean;
  /** Default `auto`. */
  readonly device?: DeviceName | 'auto';
  /** Of commands that make images. Default f32. */
  readonly dtype?: 'auto' | ModelDtype;
  /** Of commands that make images. Default `auto`. */
  readonly textEncoder?: 'auto' | TextEncoderPlace;
  readonly quiet?: boolean;
}

/** The flags that say how a model is found and fetched, without `model` itself. */
export type SourceFlags = Pick<ModelFlags, 'revision' | 'variant' | 'cacheDir' | 'offline'>;

export function sourceOptions({ revision, variant, cacheDir, offline }: SourceFlags): SourceFlags {
  return { revision, variant, cacheDir, offline };
}
