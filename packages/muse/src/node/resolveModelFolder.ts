import { WeightError } from '@muse/backend';
import type { FolderSource } from '@muse/checkpoint';
import { type ResolveFolderOptions, resolveFolder } from '@muse/checkpoint/node';

/** Where a model may come from, and how it is fetched: see `resolveFolder` of @muse/checkpoint/node. */
export interface ResolveModelOptions extends Omit<ResolveFolderOptions, 'resolveFrom'> {
  /** `import.meta.url` of the module whose packages are looked through first. */
  readonly resolveFrom?: string;
}

/**
 * A model folder by its path, by the name of the package that brings it, by its name on the Hugging Face hub (`org/name`)
 * or by its URL.
 *
 * @throws WeightError that says what was looked for and how to get it
 */
export async function resolveModelFolder(source: string, options: ResolveModelOptions = {}): Promise<FolderSource> {
  const { resolveFrom } = options;
  const folder = await resolveFolder(source, {
    ...options,
    resolveFrom: [...(resolveFrom === undefined ? [] : [resolveFrom]), import.meta.url],
  });
  if (await folder.has('model_index.json')) return folder;
  throw new WeightError(
    { package: 'muse', in: 'fromPretrained' },
    `expected a model folder with model_index.json, got ${folder.location} without it`,
  );
}
