import type { ModelIndex } from '@muse/checkpoint';
import type { GenerationStep } from '../options.js';
import type { LoadProgress } from '../progress.js';
import type { WorkerLoadOptions } from './modelSource.js';

/**
 * How page and worker talk. A call is one message to the worker with a port of its own; everything that belongs to the
 * call goes through that port, which closes with its result. So calls need no numbers, and none can hear another's.
 */
export interface CallMessage {
  /** Sets these messages apart from others that a worker may get. */
  readonly muse: 'call';
  readonly method: string;
  /** Options that can be cloned: callbacks and signal stay in the page. */
  readonly options: unknown;
  /** Callbacks that the page has; the worker waits for an answer to each event. */
  readonly hears: { readonly step: boolean; readonly image: boolean };
}

/** Worker to page, through the port of a call. `step` and `image` wait for `next`. */
export type CallEvent =
  | { readonly event: 'progress'; readonly progress: LoadProgress }
  | { readonly event: 'step'; readonly step: Omit<GenerationStep, 'preview'> }
  | { readonly event: 'image'; readonly image: unknown }
  | { readonly event: 'preview'; readonly value?: unknown; readonly error?: PackedError }
  | { readonly event: 'result'; readonly value: unknown }
  | { readonly event: 'error'; readonly error: PackedError };

/** Page to worker, through the port of a call. */
export type CallAnswer =
  | { readonly event: 'next' }
  /** Asks for the pixels of the step that the worker waits at. */
  | { readonly event: 'preview' }
  | { readonly event: 'abort' };

/** An error as it crosses over: a clone would lose its class. */
export interface PackedError {
  readonly name: string;
  readonly message: string;
}

/** What a page knows of the pipeline in its worker. */
export interface RemoteFacts {
  readonly index: ModelIndex;
  readonly hasSuperRes: boolean;
  readonly grid: readonly [height: number, width: number];
  readonly device: string;
  /** Why this device was chosen. */
  readonly deviceReason: string;
  readonly deviceDescription: string;
  readonly isGpu: boolean;
}

/** Memory of a pipeline's device, in bytes. */
export interface DeviceMemory {
  /** Of all tensors: weights and what is being computed. */
  readonly tensorBytes: number;
  readonly numTensors: number;
  /** What WebGPU holds, its pools included. */
  readonly gpuBytes?: number;
}

export type LoadCall = Omit<WorkerLoadOptions, 'onProgress' | 'signal'>;

/** What is used of a `MessagePort`, in browsers and in Node. */
export interface Port {
  postMessage(message: unknown): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  close(): void;
}

/** What is used of a `Worker`. */
export interface WorkerLike {
  postMessage(message: unknown, transfer: never[]): void;
  addEventListener(type: 'error', listener: (event: unknown) => void): void;
  terminate(): unknown;
}

/** What is used of the global scope of a worker. */
export interface WorkerScope {
  addEventListener(type: 'message', listener: (event: never) => void): void;
}
