import type { DeviceName } from '@muse/backend';

/** Options of every command that loads a model. */
export interface ModelFlags {
  /** Default: the model that comes with the command. */
  readonly model?: string;
  /** Default `auto`. */
  readonly device?: DeviceName | 'auto';
  readonly quiet?: boolean;
}
