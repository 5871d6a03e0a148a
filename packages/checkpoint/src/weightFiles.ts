import { WeightError } from '@muse/backend';
import type { FolderSource } from './byteSource.js';
import { pickleProblem, usualPickles } from './pickle.js';

/** transformers' and our own name first, then diffusers'. */
const stems = ['model', 'diffusion_pytorch_model'] as const;

/** Taken when there is no plain file and no variant was asked for. */
export const usualVariant = 'fp16';

/** Names of a variant's weights, whole before sharded. */
function namesOf(variant?: string): string[] {
  const infix = variant === undefined ? '' : `.${variant}`;
  return [
    ...stems.map((stem) => `${stem}${infix}.safetensors`),
    ...stems.map((stem) => `${stem}.safetensors.index${infix}.json`),
  ];
}

/**
 * The file in a component's folder that holds its weights, or lists their shards: those of the folder's variant, see
 * `variantFolder`.
 *
 * @throws WeightError that names what was looked for
 */
export async function findWeights(folder: FolderSource): Promise<string> {
  const { variant } = folder;
  const names = variant === undefined ? [...namesOf(), ...namesOf(usualVariant)] : namesOf(variant);
  for (const name of names) if (await folder.has(name)) return name;
  for (const name of usualPickles) {
    if (await folder.has(name))
      throw problem(`expected safetensors, got ${pickleProblem(`${folder.location}/${name}`)}`);
  }
  const [first, second] = namesOf(variant);
  throw problem(`expected ${first} or ${second}, or an index of shards, in ${folder.location}, got none`);
}

function problem(message: string): WeightError {
  return new WeightError({ package: 'checkpoint', in: 'openCheckpoint' }, message);
}
