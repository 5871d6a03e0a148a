import { type Backend, ConfigError, createBackend, type DeviceName, type ModelDtype } from '@muse/backend';
import {
  type FolderSource,
  type ModelComponent,
  type ModelFolder,
  type ModelIndex,
  openModelFolder,
} from '@muse/checkpoint';
import { type ClipTextEncoder, loadClipTextEncoder } from '@muse/clip-encoder';
import {
  loadMaskedTransformer,
  loadSuperResTransformer,
  loadUViT,
  type MaskedTransformer,
  type SuperResTransformer,
  type UViT,
} from '@muse/masked-transformer';
import { resolveSamplingSettings, type SamplingSettings } from '@muse/sampler';
import { loadT5Encoder, type T5Encoder } from '@muse/t5-encoder';
import { loadVQGAN, loadVQModel, type VQGAN } from '@muse/vqgan';
import { checkMemory } from './checkMemory.js';
import { checkParts } from './checkParts.js';
import { checkDtype, dtypeOn, packParameters } from './packParameters.js';
import { type LoadProgress, watchFolder } from './progress.js';

/** The second stage of a cascade: a finer grid of its own VQGAN, sampled with the base's tokens in view. */
export interface SuperResParts {
  readonly transformer: SuperResTransformer;
  readonly vqgan: VQGAN;
}

interface CommonParts {
  readonly backend: Backend;
  readonly vqgan: VQGAN;
  readonly index: ModelIndex;
  /** What the transformers were loaded in. Default: what the backend says. */
  readonly dtype?: ModelDtype;
  /** Whether `dispose` ends the backend as well. Default false. */
  readonly ownsBackend?: boolean;
}

/** Muse as in the paper. */
export interface T5Parts extends CommonParts {
  readonly textEncoder: T5Encoder;
  readonly transformer: MaskedTransformer;
  readonly superRes?: SuperResParts;
}

/** aMUSEd, of a diffusers folder. */
export interface AmusedParts extends CommonParts {
  readonly textEncoder: ClipTextEncoder;
  readonly transformer: UViT;
  readonly superRes?: undefined;
}

/** What a pipeline is made of. */
export type MuseParts = T5Parts | AmusedParts;

export function isAmused(parts: MuseParts): parts is AmusedParts {
  return parts.index.format === 'diffusers';
}

export interface LoadOptions {
  /** Default `auto`: the first that works. */
  readonly device?: DeviceName | 'auto';
  /** Takes the place of `device`; stays the caller's. */
  readonly backend?: Backend;
  /** Which of a folder's weights: `fp16`. Default: the plain ones, or else those of `fp16`. */
  readonly variant?: string;
  /**
   * What the linear maps of the transformers are kept in: `f16` takes half of f32's memory, `q8` a quarter, on webgpu; `bf16`
   * is for tensorflow. Tokens differ from f32's here and there; `auto` is what leaves nearly all of them on this device, see
   * docs/numerics.md. Default: the backend's, or f32.
   */
  readonly dtype?: 'auto' | ModelDtype;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** The classes that this pipeline can wire, by the name of the component. */
const classes = { vqgan: 'VQGAN', text_encoder: 'T5Encoder', transformer: 'MaskedTransformer' } as const;
const superResClasses = { super_res_vqgan: 'VQGAN', super_res_transformer: 'SuperResTransformer' } as const;

const hasSuperRes = (index: ModelIndex) => index.superResSampling !== undefined;

/**
 * Loads all parts of a model folder, one tensor at a time. The caller disposes them; if it fails or is aborted,
 * nothing is left.
 *
 * @throws WeightError, ConfigError for a folder that can't be used; UnsupportedBackendError for a device that can't be had
 */
export async function loadMuseParts(source: FolderSource, options: LoadOptions = {}): Promise<MuseParts> {
  const { device = 'auto', onProgress, signal } = options;
  signal?.throwIfAborted();
  if (options.dtype !== undefined) checkDtype(options.dtype);
  const folder = await openModelFolder(watchFolder(source, { onProgress, signal }), { variant: options.variant });
  checkClasses(folder, source.location);
  checkSampling(folder.index, source.location);
  const backend = options.backend ?? (await createBackend({ device, dtype: options.dtype }));
  onProgress?.({ status: 'device', device: backend.name, reason: backend.reason });
  const loaded: { dispose(): void }[] = [];
  const keep: Keep = (part) => {
    loaded.push(part);
    return part;
  };
  try {
    const dtype = options.backend ? dtypeOn(backend, options.dtype) : backend.dtype;
    // By headers alone, so they are no progress.
    await checkMemory(await openModelFolder(source, { variant: options.variant }), backend);
    const load = folder.index.format === 'diffusers' ? loadAmusedParts : loadT5Parts;
    const parts: MuseParts = {
      ...(await load(backend, folder, keep)),
      dtype,
      ownsBackend: options.backend === undefined,
    };
    inFile(source.location, () => checkParts(parts));
    if (dtype === 'f16' || dtype === 'q8') {
      const superRes = 'superRes' in parts ? parts.superRes : undefined;
      for (const part of [parts.transformer, superRes?.transformer]) {
        if (part) packParameters(backend, part.parameters, dtype);
      }
    }
    await backend.checkErrors();
    onProgress?.({ status: 'ready', name: source.location });
    return parts;
  } catch (error) {
    for (const part of loaded) part.dispose();
    if (!options.backend) await backend.dispose();
    throw error;
  }
}

/** Notes what is to be given back if the rest fails. */
type Keep = <T extends { dispose(): void }>(part: T) => T;

async function loadT5Parts(backend: Backend, { index, component }: ModelFolder, keep: Keep): Promise<T5Parts> {
  const load = componentLoader(component, keep);
  return {
    backend,
    textEncoder: await load('text_encoder', (part) => loadT5Encoder(backend, part)),
    transformer: await load('transformer', (part) => loadMaskedTransformer(backend, part)),
    vqgan: await load('vqgan', (part) => loadVQGAN(backend, part)),
    ...(hasSuperRes(index) && {
      superRes: {
        transformer: await load('super_res_transformer', (part) => loadSuperResTransformer(backend, part)),
        vqgan: await load('super_res_vqgan', (part) => loadVQGAN(backend, part)),
      },
    }),
    index,
  };
}

async function loadAmusedParts(backend: Backend, { index, component }: ModelFolder, keep: Keep): Promise<AmusedParts> {
  const { folder: tokenizerFolder } = await component('tokenizer');
  const load = componentLoader(component, keep);
  return {
    backend,
    textEncoder: await load('text_encoder', (part) => loadClipTextEncoder(backend, part, { tokenizerFolder })),
    transformer: await load('transformer', (part) => loadUViT(backend, part)),
    vqgan: await load('vqvae', (part) => loadVQModel(backend, part)),
    index,
  };
}

/** Reads components by name; an error of a configuration names its file. */
function componentLoader(component: ModelFolder['component'], keep: Keep) {
  return async <T extends { dispose(): void }>(
    name: string,
    read: (part: ModelComponent) => Promise<T>,
  ): Promise<T> => {
    const part = await component(name);
    return inFile(`${part.folder.location}/config.json`, async () => keep(await read(part)));
  };
}

/** Names of schedules and orders are the sampler's to know. */
function checkSampling({ sampling, superResSampling }: ModelIndex, location: string): void {
  for (const [field, settings] of Object.entries({ sampling, superResSampling })) {
    if (!settings) continue;
    const place = { package: 'muse', in: field };
    inFile(`${location}/model_index.json`, () => resolveSamplingSettings(settings as Partial<SamplingSettings>, place));
  }
}

/** An error of a configuration says where that is. */
function inFile<T>(path: string, action: () => T): T {
  const named = (cause: unknown) => {
    if (!(cause instanceof ConfigError)) return cause;
    return new ConfigError({ package: 'muse', in: 'fromPretrained' }, `${path}: ${cause.message}`, { cause });
  };
  try {
    const result = action();
    if (!(result instanceof Promise)) return result;
    return result.catch((cause: unknown) => {
      throw named(cause);
    }) as T;
  } catch (cause) {
    throw named(cause);
  }
}

/** Of a diffusers folder, the index's reader has done it. */
function checkClasses({ index }: ModelFolder, location: string): void {
  if (index.format === 'diffusers') return;
  const all = { ...classes, ...(hasSuperRes(index) && superResClasses) };
  for (const [name, expected] of Object.entries(all)) {
    const got = Object.hasOwn(index.components, name) ? index.components[name] : 'none';
    if (got !== expected) {
      throw new ConfigError(
        { package: 'muse', in: 'fromPretrained' },
        `${location}/model_index.json: expected component ${name} to be ${expected}, got ${got}`,
      );
    }
  }
}
