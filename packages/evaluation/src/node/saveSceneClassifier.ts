import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { saveParameters, writeFileAtomic } from '@muse/checkpoint/node';
import { sceneClassifierParameters } from '../classifier/parameters.js';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';

export interface SaveClassifierOptions {
  /** Default F16. */
  readonly dtype?: 'F32' | 'F16';
  /** Into the file of weights. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Writes `config.json` and `model.safetensors` into a folder, which is made if it is not there. */
export async function saveSceneClassifier(
  path: string,
  classifier: SceneClassifier,
  { dtype = 'F16', metadata }: SaveClassifierOptions = {},
): Promise<void> {
  await mkdir(path, { recursive: true });
  const { config, parameters } = classifier;
  const weights = join(path, 'model.safetensors');
  await saveParameters(weights, parameters, sceneClassifierParameters(config), {
    dtype,
    ...(metadata && { metadata }),
  });
  await writeFileAtomic(join(path, 'config.json'), `${JSON.stringify(config, null, 2)}\n`);
}
