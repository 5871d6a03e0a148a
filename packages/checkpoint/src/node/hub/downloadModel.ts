import { join } from 'node:path';
import { neededFiles } from '../../hub/neededFiles.js';
import { readJson } from '../../readFile.js';
import { modelFolderName } from './modelCache.js';
import { openHub, type ResolveFolderOptions } from './resolveFolder.js';

export interface DownloadedModel {
  readonly id: string;
  readonly commit: string;
  /** The snapshot's folder. */
  readonly path: string;
  readonly files: readonly { readonly path: string; readonly sizeBytes: number }[];
  readonly sizeBytes: number;
}

/**
 * Downloads what is needed of a model of the hub: configurations, vocabularies and one set of safetensors for each
 * component. Files that are there already are left as they are.
 *
 * @param id `org/name`
 * @throws WeightError as `resolveFolder`; and for a model whose weights are pickle files
 */
export async function downloadModel(id: string, options: ResolveFolderOptions = {}): Promise<DownloadedModel> {
  const { variant, ...others } = options;
  const { folder, cacheDir } = await openHub(id, others);
  const paths = [...folder.files.keys()];
  const index = folder.files.has('model_index.json') ? await readJson(folder, 'model_index.json') : undefined;
  const files: { path: string; sizeBytes: number }[] = [];
  for (const path of neededFiles(paths, index, variant)) {
    const source = await folder.open(path);
    files.push({ path, sizeBytes: source.sizeBytes });
    await source.close();
  }
  return {
    id,
    commit: folder.commit,
    path: join(cacheDir, modelFolderName(id), 'snapshots', folder.commit),
    files,
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
}
