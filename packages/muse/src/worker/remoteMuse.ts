import type { GeneratedImage, RgbaImage, TokenGrid } from '../image.js';
import type { PipelineOptions } from '../options.js';
import type { EditOptions } from '../pipelines/edit.js';
import type { EditedImage } from '../pipelines/editedImage.js';
import type { GenerateOptions } from '../pipelines/generate.js';
import type { InpaintOptions } from '../pipelines/inpaint.js';
import type { OutpaintedImage, OutpaintOptions } from '../pipelines/outpaint.js';
import type { UpscaleOptions } from '../pipelines/upscale.js';
import type { VariationsOptions } from '../pipelines/variations.js';
import type { StageName } from '../stage.js';
import type { ModelReport } from './inspectModel.js';
import type { ModelSource, WorkerLoadOptions } from './modelSource.js';
import type { AttentionOptions } from './museHost.js';
import { PageCalls } from './pageCalls.js';
import type { DeviceMemory, RemoteFacts, WorkerLike } from './protocol.js';
import type { TextAttention } from './textAttention.js';

/**
 * A pipeline in a worker, to be used as a `Muse`: the same options, results and errors; `onStep`, `onImage`, `preview` and
 * `signal` work across. Nothing heavy runs in the page.
 */
export class RemoteMuse {
  readonly #calls: PageCalls;

  constructor(
    calls: PageCalls,
    /** Model and device. */
    readonly facts: RemoteFacts,
  ) {
    this.#calls = calls;
  }

  get hasSuperRes(): boolean {
    return this.facts.hasSuperRes;
  }

  async generate(options: GenerateOptions): Promise<GeneratedImage[]> {
    return this.#run('generate', options);
  }

  async inpaint(options: InpaintOptions): Promise<EditedImage> {
    return this.#run('inpaint', options);
  }

  async outpaint(options: OutpaintOptions): Promise<OutpaintedImage> {
    return this.#run('outpaint', options);
  }

  async edit(options: EditOptions): Promise<EditedImage> {
    return this.#run('edit', options);
  }

  async variations(options: VariationsOptions): Promise<EditedImage[]> {
    return this.#run('variations', options);
  }

  async upscale(options: UpscaleOptions): Promise<GeneratedImage> {
    return this.#run('upscale', options);
  }

  async encodeImage(image: RgbaImage, stage: StageName = 'base'): Promise<TokenGrid> {
    return this.#calls.call('encodeImage', [image, stage]);
  }

  async decodeTokens(tokenIds: Int32Array, grid?: TokenGrid['grid'], stage: StageName = 'base'): Promise<RgbaImage> {
    return this.#calls.call('decodeTokens', [tokenIds, grid, stage]);
  }

  /** How much each token of the base stage looks at each token of the prompt. */
  async attention(options: AttentionOptions): Promise<TextAttention> {
    return this.#calls.call('attention', options);
  }

  async memory(): Promise<DeviceMemory> {
    return this.#calls.call('memory');
  }

  /** Gives back all device memory; the worker can load again. */
  async dispose(): Promise<void> {
    return this.#calls.call('dispose');
  }

  /** Ends the worker at once, whatever it does; calls under way reject with an AbortError. */
  terminate(): void {
    this.#calls.terminate();
  }

  #run<T>(
    method: string,
    { signal, onStep, ...options }: Partial<PipelineOptions> & { onImage?: unknown },
  ): Promise<T> {
    const { onImage, ...rest } = options;
    return this.#calls.call(method, rest, { signal, onStep, onImage: onImage as (image: unknown) => void });
  }
}

/**
 * Loads a model in a worker that runs `serveMuse()`. A worker has one model: loading again disposes of the one before.
 *
 * @param source URL of a model folder, or files of one
 * @throws WeightError, ConfigError for a model that can't be used; UnsupportedBackendError for a device that can't be
 * had; MuseError when the worker does not start
 */
export async function connectMuse(
  worker: WorkerLike,
  source: ModelSource,
  { onProgress, signal, ...options }: WorkerLoadOptions = {},
): Promise<RemoteMuse> {
  const calls = new PageCalls(worker);
  const facts = await calls.call<RemoteFacts>('load', { ...options, source: absolute(source) }, { onProgress, signal });
  return new RemoteMuse(calls, facts);
}

/** What a model is made of, by the headers of its files: before it is loaded. */
export async function inspectModel(
  worker: WorkerLike,
  source: ModelSource,
  { onProgress, signal, ...options }: WorkerLoadOptions = {},
): Promise<ModelReport> {
  const given = { ...options, source: absolute(source) };
  return new PageCalls(worker).call('inspect', given, { onProgress, signal });
}

/** A URL relative to the page, not to the worker's script. */
function absolute(source: ModelSource): ModelSource {
  const { document } = globalThis as { document?: { readonly baseURI: string } };
  if (typeof source !== 'string' || !document) return source;
  return new URL(source, document.baseURI).href;
}
