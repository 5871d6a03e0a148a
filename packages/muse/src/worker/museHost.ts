import { type Backend, ConfigError, createBackend, MuseError } from '@muse/backend';
import { createMuse, type Muse } from '../muse.js';
import { isAmused, loadMuseParts, type MuseParts } from '../museParts.js';
import type { LoadProgress } from '../progress.js';
import { Runtime } from '../runtime.js';
import { textRows } from '../textRows.js';
import type { CallPort } from './callPort.js';
import { inspectModel } from './inspectModel.js';
import { type ModelSource, openSource } from './modelSource.js';
import type { DeviceMemory, LoadCall, RemoteFacts } from './protocol.js';
import { type AttentionWatch, type TextAttention, watchAttention } from './textAttention.js';

interface Loaded {
  readonly muse: Muse;
  readonly parts: MuseParts;
  readonly watch: AttentionWatch;
  readonly backend: Backend;
}

/** What a page asks `attention` for. */
export interface AttentionOptions {
  readonly prompt: string;
  /** i32 [h·w] of the base stage; masked ones hold `maskTokenId`, as in a step's `tokenIds`. */
  readonly tokenIds: Int32Array;
}

/** After what failed, until a device has said why. */
const LOSS_MS = 500;

const place = (where: string) => ({ package: 'muse', in: where });

/** The pipelines that go over as they are: options in, images out. */
const pipelines = ['generate', 'inpaint', 'outpaint', 'edit', 'variations', 'upscale'] as const;
type Pipeline = (typeof pipelines)[number];

/** The pipeline that lives in a worker, one at a time. */
export class MuseHost {
  #loaded: Loaded | undefined;

  /** Does what a call asks for. @throws what the pipeline throws; ConfigError for a method that there isn't */
  async call(method: string, options: unknown, port: CallPort): Promise<unknown> {
    try {
      return await this.#call(method, options, port);
    } catch (error) {
      throw port.signal.aborted ? error : await this.#causeOf(error);
    }
  }

  /** What the device has to report, if anything: of a GPU that is lost all else is what follows from it. */
  async #causeOf(error: unknown): Promise<unknown> {
    // What this library says of its own accord needs no other cause.
    if (!this.#loaded || error instanceof MuseError) return error;
    // Reads are rejected before the browser tells of the loss.
    await new Promise((resolve) => setTimeout(resolve, LOSS_MS));
    try {
      await this.#loaded?.backend.checkErrors();
      return error;
    } catch (reported) {
      return reported;
    }
  }

  async #call(method: string, options: unknown, port: CallPort): Promise<unknown> {
    if (pipelines.includes(method as Pipeline)) {
      const run = this.#alive(method).muse[method as Pipeline] as (options: object) => Promise<unknown>;
      return run.call(this.#alive(method).muse, { ...(options as object), ...port.hooks });
    }
    switch (method) {
      case 'load':
        return this.#load(options as LoadCall & { source: ModelSource }, port);
      case 'inspect': {
        const { source, ...rest } = options as LoadCall & { source: ModelSource };
        const folder = await openSource(source, { ...rest, signal: port.signal });
        return inspectModel(folder.headers ?? folder);
      }
      case 'encodeImage':
      case 'decodeTokens': {
        const run = this.#alive(method).muse[method] as (...given: unknown[]) => Promise<unknown>;
        return run.apply(this.#alive(method).muse, options as unknown[]);
      }
      case 'attention':
        return this.#attention(options as AttentionOptions);
      case 'memory':
        return memoryOf(this.#alive(method).backend);
      case 'dispose':
        return this.#dispose();
    }
    throw new ConfigError(place('worker'), `expected a method of the pipeline, got ${method}`);
  }

  async #load({ source, ...options }: LoadCall & { source: ModelSource }, port: CallPort): Promise<RemoteFacts> {
    await this.#dispose();
    const { signal } = port;
    const onProgress = (progress: LoadProgress) => port.post({ event: 'progress', progress });
    const folder = await openSource(source, { ...options, onProgress, signal });
    const { device = 'auto', wasmFolder } = options;
    const backend = await createBackend({ device, wasmFolder });
    const watch = watchAttention(backend);
    try {
      const parts = await loadMuseParts(folder, { backend: watch.backend, onProgress, signal });
      this.#loaded = { muse: createMuse(parts), parts, watch, backend };
    } catch (error) {
      await backend.dispose();
      throw error;
    }
    const { muse } = this.#loaded;
    return {
      index: muse.index,
      hasSuperRes: muse.hasSuperRes,
      grid: muse.grid,
      device: backend.name,
      deviceReason: backend.reason,
      deviceDescription: backend.capabilities.description,
      isGpu: backend.capabilities.isGpu,
    };
  }

  async #attention({ prompt, tokenIds }: AttentionOptions): Promise<TextAttention> {
    const { parts, watch, backend } = this.#alive('attention');
    const another = 'expected a model that attends to text apart, got another';
    if (isAmused(parts)) throw new MuseError(place('attention'), another);
    const { textEncoder, transformer } = parts;
    const { tf } = backend;
    const [row] = await textRows(parts, [prompt]);
    const prepared = transformer.prepare(row!.get());
    try {
      const weights = watch.watch(() => {
        transformer.forward(tf.tensor2d(tokenIds, [1, tokenIds.length], 'int32'), prepared);
      });
      if (!weights) throw new MuseError(place('attention'), another);
      const [, S, T] = weights.shape;
      const values = await new Runtime(backend).read<Float32Array>(weights);
      const tokenizer = textEncoder.tokenizer!;
      return { weights: values, shape: [S, T], pieces: tokenizer.pieces(tokenizer.encode(prompt, { maxLength: T })) };
    } finally {
      prepared.dispose();
      row!.dispose();
    }
  }

  async #dispose(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    await loaded?.muse.dispose();
    await loaded?.backend.dispose();
  }

  #alive(where: string): Loaded {
    if (this.#loaded) return this.#loaded;
    throw new MuseError(place(where), 'expected a model that is loaded, got none');
  }
}

function memoryOf({ tf }: Backend): DeviceMemory {
  const { numBytes, numTensors, numBytesAllocatedInGPU } = tf.memory() as ReturnType<typeof tf.memory> & {
    numBytesAllocatedInGPU?: number;
  };
  return {
    tensorBytes: numBytes,
    numTensors,
    ...(numBytesAllocatedInGPU !== undefined && { gpuBytes: numBytesAllocatedInGPU }),
  };
}
