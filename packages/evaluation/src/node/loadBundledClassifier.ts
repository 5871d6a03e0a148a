import { fileURLToPath } from 'node:url';
import type { Backend } from '@muse/backend';
import { openCheckpoint, readJson } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { loadSceneClassifier, type SceneClassifier } from '../classifier/sceneClassifier.js';

/**
 * The networks that come with the package, trained alike with different seeds: `classifier` judges pictures, `features`
 * is for the perceptual loss of a tokenizer, so that what a tokenizer learned to please is not its judge.
 */
export type BundledClassifier = 'classifier' | 'features';

/** The caller disposes. */
export async function loadBundledClassifier(backend: Backend, name: BundledClassifier): Promise<SceneClassifier> {
  return loadClassifierFolder(backend, fileURLToPath(new URL(`../../model/${name}/`, import.meta.url)), name);
}

/**
 * A classifier of a folder with `config.json` and `model.safetensors`. The caller disposes.
 *
 * @throws WeightError, ConfigError for a folder that can't be used
 */
export async function loadClassifierFolder(backend: Backend, path: string, name = path): Promise<SceneClassifier> {
  const folder = nodeFolder(path);
  const config = await readJson(folder, 'config.json');
  return loadSceneClassifier(backend, { name, config, folder, checkpoint: () => openCheckpoint(folder) });
}
