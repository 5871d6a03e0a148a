import type { ModelIndex } from '@muse/checkpoint';
import type { StageName } from './stage.js';

/** Name of the component of a model folder that is a stage's VQGAN, of models that have that stage. */
export function vqganComponent({ format }: Pick<ModelIndex, 'format'>, stage: StageName): string {
  if (stage === 'super-res') return 'super_res_vqgan';
  return format === 'diffusers' ? 'vqvae' : 'vqgan';
}
