import { type Backend, ConfigError, createBackend, type DeviceName } from '@muse/backend';
import { type FolderSource, type ModelFolder, type ModelIndex, openModelFolder } from '@muse/checkpoint';
import {
  loadMaskedTransformer,
  loadSuperResTransformer,
  type MaskedTransformer,
  type SuperResTransformer,
} from '@muse/masked-transformer';
import { loadT5Encoder, type T5Encoder } from '@muse/t5-encoder';
import { loadVQGAN, type VQGAN } from '@muse/vqgan';
import { type LoadProgress, watchFolder } from './progress.js';

/** The second stage of a cascade: a finer grid of its own VQGAN, sampled with the base's tokens in view. */
export interface SuperResParts {
  readonly transformer: SuperResTransformer;
  readonly vqgan: VQGAN;
}

/** What a pipeline is made of. */
export interface MuseParts {
  readonly backend: Backend;
  readonly vqgan: VQGAN;
  readonly textEncoder: T5Encoder;
  readonly transformer: MaskedTransformer;
  readonly superRes?: SuperResParts;
  readonly index: ModelIndex;
  /** Whether `dispose` ends the backend as well. Default false. */
  readonly ownsBackend?: boolean;
}

export interface LoadOptions {
  /** Default `auto`: the first that works. */
  readonly device?: DeviceName | 'auto';
  /** Takes the place of `device`; stays the caller's. */
  readonly backend?: Backend;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly signal?: AbortSignal;
}

/** The classes that this pipeline can wire, by the name of the component. */
const classes = { vqgan: 'VQGAN', text_encoder: 'T5Encoder', transformer: 'MaskedTransformer' } as const;
const superResClasses = { super_res_vqgan: 'VQGAN', super_res_transformer: 'SuperResTransformer' } as const;

const hasSuperRes = (index: ModelIndex) => index.superResSampling !== undefined;

type Must = (expected: string, want: number, got: number) => void;

/** @throws ConfigError when the parts don't fit together */
export function checkParts({ vqgan, textEncoder, transformer, superRes, index }: MuseParts): void {
  const place = { package: 'muse', in: 'createMuse' };
  const must: Must = (expected, want, got) => {
    if (want !== got) throw new ConfigError(place, `expected ${expected} ${want}, got ${got}`);
  };
  const { codebookSize, latentSize, textDim } = transformer.config;
  must("the transformer's codebookSize to be the VQGAN's", vqgan.config.codebookSize, codebookSize);
  must("the transformer's textDim to be the text encoder's dModel", textEncoder.config.dModel, textDim);
  for (const side of index.imageSize) {
    must('imageSize to be latentSize · downsampleFactor', latentSize * vqgan.downsampleFactor, side);
  }
  if (!textEncoder.tokenizer)
    throw new ConfigError(place, 'expected a text encoder with a tokenizer.json, got one without');
  if (hasSuperRes(index) !== (superRes !== undefined)) {
    const got = superRes ? 'parts of one that the index lacks' : 'an index with one and no parts';
    throw new ConfigError(place, `expected a super-resolution stage in parts and index or in neither, got ${got}`);
  }
  if (superRes) checkSuperRes(must, superRes, transformer, index);
}

function checkSuperRes(must: Must, superRes: SuperResParts, base: MaskedTransformer, index: ModelIndex): void {
  const { vqgan, transformer } = superRes;
  const { codebookSize, coarseCodebookSize, coarseLatentSize, latentSize, textDim } = transformer.config;
  const of = "the super-resolution transformer's";
  must(`${of} codebookSize to be its VQGAN's`, vqgan.config.codebookSize, codebookSize);
  must(`${of} coarseCodebookSize to be the base's`, base.config.codebookSize, coarseCodebookSize);
  must(`${of} coarseLatentSize to be the base's`, base.config.latentSize, coarseLatentSize);
  must(`${of} textDim to be the base's`, base.config.textDim, textDim);
  for (const side of index.superResImageSize!) {
    must('superResImageSize to be latentSize · downsampleFactor', latentSize * vqgan.downsampleFactor, side);
  }
}

/**
 * Loads all parts of a model folder, one tensor at a time. The caller disposes them; if it fails or is aborted,
 * nothing is left.
 *
 * @throws WeightError, ConfigError for a folder that can't be used; UnsupportedBackendError for a device that can't be had
 */
export async function loadMuseParts(source: FolderSource, options: LoadOptions = {}): Promise<MuseParts> {
  const { device = 'auto', onProgress, signal } = options;
  signal?.throwIfAborted();
  const folder = await openModelFolder(watchFolder(source, { onProgress, signal }));
  checkClasses(folder, source.location);
  const backend = options.backend ?? (await createBackend({ device }));
  onProgress?.({ status: 'device', device: backend.name, reason: backend.reason });
  const loaded: { dispose(): void }[] = [];
  const keep = <T extends { dispose(): void }>(part: T): T => {
    loaded.push(part);
    return part;
  };
  try {
    const parts: MuseParts = {
      backend,
      textEncoder: keep(await loadT5Encoder(backend, await folder.component('text_encoder'))),
      transformer: keep(await loadMaskedTransformer(backend, await folder.component('transformer'))),
      vqgan: keep(await loadVQGAN(backend, await folder.component('vqgan'))),
      ...(hasSuperRes(folder.index) && {
        superRes: {
          transformer: keep(await loadSuperResTransformer(backend, await folder.component('super_res_transformer'))),
          vqgan: keep(await loadVQGAN(backend, await folder.component('super_res_vqgan'))),
        },
      }),
      index: folder.index,
      ownsBackend: options.backend === undefined,
    };
    checkParts(parts);
    await backend.checkErrors();
    onProgress?.({ status: 'ready', name: source.location });
    return parts;
  } catch (error) {
    for (const part of loaded) part.dispose();
    if (!options.backend) await backend.dispose();
    throw error;
  }
}

function checkClasses({ index }: ModelFolder, location: string): void {
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
