import { type Backend, ConfigError, createBackend, type DeviceName, type ModelDtype } from '@muse/backend';
import {
  type FolderSource,
  type LoadModelOptions,
  type ModelComponent,
  type ModelFolder,
  type ModelIndex,
  openModelFolder,
  variantFolder,
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
import {
  type EncodeProgress,
  loadT5Encoder,
  memoryPromptCache,
  openStreamedT5Encoder,
  type PromptCache,
  type StreamedT5Encoder,
  type T5Encoder,
} from '@muse/t5-encoder';
import { loadVQGAN, loadVQModel, type VQGAN } from '@muse/vqgan';
import { checkParts } from './checkParts.js';
import { inFile } from './inFile.js';
import { checkDtype, dtypeOn } from './modelDtype.js';
import { planMemory, type TextEncoderPlace, textEncoderPlaces } from './planMemory.js';
import { type LoadProgress, watchFolder } from './progress.js';
import { vqganComponent } from './vqganComponent.js';

const place = { package: 'muse', in: 'fromPretrained' } as const;

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
  readonly textEncoder: T5Encoder | StreamedT5Encoder;
  /** See `LoadOptions`. */
  readonly onTextProgress?: (progress: EncodeProgress) => void;
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
   * half, on tensorflow, those of a resident text encoder too. Tokens differ from f32's here and there; `auto` is what leaves nearly
   * all of them on this device, see docs/numerics.md. Default: the backend's, or f32.
   */
  readonly dtype?: 'auto' | ModelDtype;
  /**
   * Where the weights of a T5 are while the model is in use. `resident`: on the device. `streamed`: in their file, of which
   * each new prompt reads a block at a time, so the source must stay. Default `auto`: streamed above 2³⁰ weights (`xl`, `xxl`),
   * and on wasm where the model would not fit otherwise.
   */
  readonly textEncoder?: 'auto' | TextEncoderPlace;
  /** Where a streamed text encoder keeps what it made of prompts. Default: in memory, of the last 64. */
  readonly promptCache?: PromptCache;
  /** Told of each block that a streamed text encoder reads and computes for a prompt. */
  readonly onTextProgress?: (progress: EncodeProgress) => void;
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
export async function loadMuseParts(given: FolderSource, options: LoadOptions = {}): Promise<MuseParts> {
  const { device = 'auto', onProgress, signal } = options;
  signal?.throwIfAborted();
  if (options.dtype !== undefined) checkDtype(options.dtype);
  checkTextEncoder(options.textEncoder);
  const source = variantFolder(given, options.variant);
  const folder = await openModelFolder(watchFolder(source, { onProgress, signal }));
  checkClasses(folder, source.location);
  checkSampling(folder.index, source.location);
  if (options.textEncoder === 'streamed' && folder.index.format === 'diffusers') {
    throw new ConfigError(
      place,
      'expected a model with a T5 for textEncoder streamed, got one with a text encoder of CLIP',
    );
  }
  const backend = options.backend ?? (await createBackend({ device, dtype: options.dtype }));
  onProgress?.({ status: 'device', device: backend.name, reason: backend.reason });
  const loaded: Part[] = [];
  const keep: Keep = (part) => {
    loaded.push(part);
    return part;
  };
  try {
    const dtype = options.backend ? dtypeOn(backend, options.dtype) : backend.dtype;
    // Integers and halves would change what a text means by more than what a transformer makes of it; bfloat16 was made for it.
    const text: LoadModelOptions = { dtype: dtype === 'bf16' ? dtype : 'f32' };
    // Headers are no progress; nor is what a streamed text encoder reads for a prompt, long after loading.
    const unwatched = await openModelFolder(source);
    // WebAssembly's memory is planned by the headers of all files: what does not fit is not worth a download.
    const { headers } = source;
    const looked = backend.name === 'wasm' && headers ? await openModelFolder(headers) : unwatched;
    const textEncoder = await planMemory(looked, backend, options.textEncoder);
    const { promptCache: cache = memoryPromptCache(), onTextProgress } = options;
    const loadText: LoadText = async () => {
      if (textEncoder === 'resident') {
        const load = componentLoader(folder.component, keep);
        return { textEncoder: await load('text_encoder', (part) => loadT5Encoder(backend, part, text)) };
      }
      const open = componentLoader(unwatched.component, keep);
      const encoder = await open('text_encoder', (part) => openStreamedT5Encoder(backend, part, { cache }));
      return { textEncoder: encoder, onTextProgress };
    };
    const load = () =>
      folder.index.format === 'diffusers'
        ? loadAmusedParts(backend, folder, keep, { dtype, text })
        : loadT5Parts(backend, folder, keep, { dtype, loadText });
    const parts: MuseParts = {
      ...(await load()),
      dtype,
      ownsBackend: options.backend === undefined,
    };
    inFile(source.location, () => checkParts(parts));
    await backend.checkErrors();
    onProgress?.({ status: 'ready', name: source.location });
    return parts;
  } catch (error) {
    await Promise.all(loaded.map((part) => part.dispose()));
    if (!options.backend) await backend.dispose();
    throw error;
  }
}

/** What is given back at the end. */
interface Part {
  dispose(): void | Promise<void>;
}

/** Notes what is to be given back if the rest fails. */
type Keep = <T extends Part>(part: T) => T;

/** Loads a T5, or opens one that stays in its file. */
type LoadText = () => Promise<Pick<T5Parts, 'textEncoder' | 'onTextProgress'>>;

/** @throws ConfigError for what is no place, before a device is started */
function checkTextEncoder(textEncoder: LoadOptions['textEncoder'] = 'auto'): void {
  const places = ['auto', ...textEncoderPlaces];
  if (places.includes(textEncoder)) return;
  throw new ConfigError(place, `expected textEncoder ${places.join(', ')}, got ${String(textEncoder)}`);
}

async function loadT5Parts(
  backend: Backend,
  { index, component }: ModelFolder,
  keep: Keep,
  { dtype, loadText }: { readonly dtype: ModelDtype; readonly loadText: LoadText },
): Promise<T5Parts> {
  const load = componentLoader(component, keep);
  return {
    backend,
    ...(await loadText()),
    transformer: await load('transformer', (part) => loadMaskedTransformer(backend, part, { dtype })),
    vqgan: await load(vqganComponent(index, 'base'), (part) => loadVQGAN(backend, part)),
    ...(hasSuperRes(index) && {
      superRes: {
        transformer: await load('super_res_transformer', (part) => loadSuperResTransformer(backend, part, { dtype })),
        vqgan: await load(vqganComponent(index, 'super-res'), (part) => loadVQGAN(backend, part)),
      },
    }),
    index,
  };
}

async function loadAmusedParts(
  backend: Backend,
  { index, component }: ModelFolder,
  keep: Keep,
  { dtype, text }: { readonly dtype: ModelDtype; readonly text: LoadModelOptions },
): Promise<AmusedParts> {
  const { folder: tokenizerFolder } = await component('tokenizer');
  const load = componentLoader(component, keep);
  return {
    backend,
    textEncoder: await load('text_encoder', (part) => loadClipTextEncoder(backend, part, { tokenizerFolder, ...text })),
    transformer: await load('transformer', (part) => loadUViT(backend, part, { dtype })),
    vqgan: await load(vqganComponent(index, 'base'), (part) => loadVQModel(backend, part)),
    index,
  };
}

/** Reads components by name; an error of a configuration names its file. */
function componentLoader(component: ModelFolder['component'], keep: Keep) {
  return async <T extends Part>(name: string, read: (part: ModelComponent) => Promise<T>): Promise<T> => {
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

/** Of a diffusers folder, the index's reader has done it. */
function checkClasses({ index }: ModelFolder, location: string): void {
  if (index.format === 'diffusers') return;
  const all = { ...classes, ...(hasSuperRes(index) && superResClasses) };
  for (const [name, expected] of Object.entries(all)) {
    const got = Object.hasOwn(index.components, name) ? index.components[name] : 'none';
    if (got !== expected) {
      throw new ConfigError(
        place,
        `${location}/model_index.json: expected component ${name} to be ${expected}, got ${got}`,
      );
    }
  }
}
