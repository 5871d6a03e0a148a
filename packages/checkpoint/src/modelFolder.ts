import { WeightError } from '@muse/backend';
import { type FolderSource, subFolder } from './byteSource.js';
import { type Checkpoint, openCheckpoint } from './checkpoint.js';
import { configFileOf, isDiffusersIndex, readDiffusersIndex, weightedComponents } from './diffusersIndex.js';
import { variantFolder } from './hub/variantFolder.js';
import { type ModelIndex, parseModelIndex } from './modelIndex.js';
import { readJson } from './readFile.js';

/** One part of a model: its sub-folder with configuration and weights. */
export interface ModelComponent {
  readonly name: string;
  /** config.json (of a diffusers scheduler or tokenizer: its own), parsed; the component's own package checks it. */
  readonly config: unknown;
  /** The sub-folder. */
  readonly folder: FolderSource;
  /** Opens the weights; the caller closes them. Rejects with a WeightError for a component that has none. */
  checkpoint(): Promise<Checkpoint>;
}

export interface ModelFolder {
  readonly index: ModelIndex;
  /** Names of the components that have weights: all, but a diffusers folder's scheduler and tokenizer. */
  readonly weighted: readonly string[];
  /** @throws WeightError when the index has no such component or its config.json can't be read */
  component(name: string): Promise<ModelComponent>;
}

export interface OpenModelFolderOptions {
  /** Which of several files of weights: `fp16` is `model.fp16.safetensors`. Default: the plain one, or else `fp16`. */
  readonly variant?: string;
}

/**
 * Opens a model folder: model_index.json, and for each component a sub-folder with config.json and model.safetensors.
 * Only the index is read. A folder of diffusers' aMUSEd is read as it stands: its index is put together from the
 * components' configurations.
 *
 * @throws WeightError when the folder has no readable model_index.json
 * @throws ConfigError that names the field which is wrong in it
 */
export async function openModelFolder(
  source: FolderSource,
  { variant }: OpenModelFolderOptions = {},
): Promise<ModelFolder> {
  const folder = variantFolder(source, variant);
  const place = { package: 'checkpoint', in: 'openModelFolder' };
  if (!(await folder.has('model_index.json'))) {
    throw new WeightError(place, `expected a model folder with model_index.json at ${folder.location}, got none`);
  }
  const json = await readJson(folder, 'model_index.json');
  const index = isDiffusersIndex(json)
    ? await readDiffusersIndex(folder, json)
    : parseModelIndex(json, `${folder.location}/model_index.json`);
  return {
    index,
    weighted: weightedComponents(index),
    async component(name) {
      if (!Object.hasOwn(index.components, name)) {
        const names = Object.keys(index.components).join(', ');
        throw new WeightError(place, `expected a component ${name} in ${folder.location}, got only ${names}`);
      }
      const inner = subFolder(folder, name);
      return {
        name,
        config: await readJson(inner, configFileOf(index.format, name)),
        folder: inner,
        checkpoint: () => openCheckpoint(inner),
      };
    },
  };
}
