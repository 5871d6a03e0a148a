import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { WeightError } from '@muse/backend';
import type { FolderSource } from '../../byteSource.js';
import { HttpError } from '../../hub/httpClient.js';
import { HUB_ENDPOINT, type HubFolder, type HubFolderOptions, openHubFolder } from '../../hub/hubFolder.js';
import { isRepoId } from '../../hub/listing.js';
import { openUrlFolder } from '../../hub/urlFolder.js';
import { variantFolder } from '../../hub/variantFolder.js';
import { isPickleName, pickleProblem } from '../../pickle.js';
import { nodeFolder } from '../fileSource.js';
import { hubEnvironment, nodeHasher } from './environment.js';
import { findPackage, isPackageName } from './findPackage.js';
import { nodeModelCache } from './modelCache.js';
import { urlFileCache } from './urlFileCache.js';

export interface ResolveFolderOptions extends Omit<HubFolderOptions, 'cache'> {
  /** Cache of the hub's models. Default HF_HUB_CACHE, else `hub` in HF_HOME, else in ~/.cache/huggingface. */
  readonly cacheDir?: string;
  /** URLs or paths of modules whose packages are looked through first: `import.meta.url`. */
  readonly resolveFrom?: readonly string[];
}

/**
 * Finds a model's folder:
 *
 * - a path of a folder that is there;
 * - the name of an installed npm package, which has its model in `model/` or at its top;
 * - `org/name`, a model of the Hugging Face hub (HF_TOKEN, HF_ENDPOINT and HF_HUB_OFFLINE hold unless options say else);
 * - a URL: of a model on the hub, or of a folder on any web server.
 *
 * Files of the last two are downloaded when they are opened.
 *
 * @throws WeightError that says what was looked for and how to get it; the signal's reason
 */
export async function resolveFolder(source: string, options: ResolveFolderOptions = {}): Promise<FolderSource> {
  const path = resolve(source);
  if (isFolder(path)) return variantFolder(nodeFolder(path), options.variant);
  if (/^https?:\/\//i.test(source)) return resolveUrl(source, options);
  if (existsSync(path)) {
    const got = isPickleName(path) ? pickleProblem(source) : `the file ${source}`;
    throw problem(`expected a folder, got ${got}`);
  }
  const isPath = source.startsWith('.') || isAbsolute(source) || source.includes('\\');
  if (!isPath && isPackageName(source)) return variantFolder(packageFolder(source, options), options.variant);
  if (!isPath && isRepoId(source)) return (await openHub(source, options)).folder;
  const expected = 'the path of a model folder, the name of a package, org/name on the hub, or a URL';
  throw problem(`expected ${expected}, got ${source}: not there`);
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function packageFolder(name: string, { resolveFrom = [] }: ResolveFolderOptions): FolderSource {
  const found = findPackage(name, resolveFrom);
  if (!found) {
    throw problem(
      `expected a folder or an installed package ${name}, got neither: npm install ${name}, or give a path`,
    );
  }
  const inner = ['model', '.']
    .map((folder) => join(found, folder))
    .find((folder) => existsSync(join(folder, 'model_index.json')));
  if (inner) return nodeFolder(inner);
  throw problem(`expected package ${name} to hold model/model_index.json, got none in ${found}`);
}

/** A model of the hub in Python's cache, by options and environment. */
export async function openHub(
  id: string,
  options: ResolveFolderOptions,
): Promise<{ folder: HubFolder; cacheDir: string }> {
  const environment = hubEnvironment();
  const { cacheDir = environment.cacheDir, signal } = options;
  const settings: HubFolderOptions = {
    ...options,
    token: options.token ?? environment.token,
    endpoint: options.endpoint ?? environment.endpoint,
    offline: options.offline ?? environment.offline,
  };
  try {
    const folder = await openHubFolder(id, settings, () => nodeModelCache(cacheDir, id, signal), nodeHasher);
    return { folder, cacheDir };
  } catch (error) {
    if (!(error instanceof HttpError) || ![401, 404].includes(error.status ?? 0)) throw error;
    if (error.errorCode === 'RevisionNotFound') throw error;
    throw problem(`${error.problem}; and there is no folder ${resolve(id)}`, id, error);
  }
}

/** A page of the hub is a model of it; any other URL is a folder. */
async function resolveUrl(url: string, options: ResolveFolderOptions): Promise<FolderSource> {
  const environment = hubEnvironment();
  const endpoints = [options.endpoint ?? environment.endpoint, HUB_ENDPOINT];
  for (const endpoint of endpoints) {
    const base = `${endpoint.replace(/\/+$/, '')}/`;
    if (!url.startsWith(base)) continue;
    const [, id = '', revision] = /^([^/]+\/[^/]+?)(?:\/tree\/(.+?))?\/*$/.exec(url.slice(base.length)) ?? [];
    if (!isRepoId(id)) continue;
    const { folder } = await openHub(id, {
      ...options,
      endpoint,
      revision: options.revision ?? (revision && decodeURIComponent(revision)),
    });
    return folder;
  }
  if (options.offline ?? environment.offline) {
    throw problem(`expected no URL, as offline is asked for, got ${url}`);
  }
  const cacheDir = join(options.cacheDir ?? join(environment.assetsDir, 'muse'), 'urls');
  return openUrlFolder(url, { ...options, cache: undefined }, urlFileCache(cacheDir, url, options.signal));
}

function problem(message: string, name?: string, cause?: unknown): WeightError {
  return new WeightError(
    { package: 'checkpoint', in: 'resolveFolder' },
    name === undefined ? message : `${name}: ${message}`,
    { cause },
  );
}
