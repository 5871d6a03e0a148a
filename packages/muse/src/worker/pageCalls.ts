import { MuseError } from '@muse/backend';
import type { RgbaImage } from '../image.js';
import type { GenerationStep } from '../options.js';
import type { LoadProgress } from '../progress.js';
import { unpackError } from './packError.js';
import type { CallAnswer, CallEvent, CallMessage, Port, WorkerLike } from './protocol.js';

/** What a page may be told while a call runs. */
export interface CallHandlers {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly onStep?: (step: GenerationStep) => void | Promise<void>;
  readonly onImage?: (image: unknown) => void | Promise<void>;
}

/** The page's end of all calls to a worker. */
export class PageCalls {
  readonly #worker: WorkerLike;
  readonly #running = new Set<(error: unknown) => void>();
  #hasAnswered = false;
  #failure: unknown;

  constructor(worker: WorkerLike) {
    this.#worker = worker;
    // A script that does not load, an error outside of any call, memory that ran out.
    worker.addEventListener('error', (event) => {
      const { message } = (event ?? {}) as { readonly message?: string };
      const got =
        message || (this.#hasAnswered ? 'it ended, most likely for want of memory' : 'its script did not load');
      this.#end(new MuseError({ package: 'muse', in: 'worker' }, `expected a worker that runs, got: ${got}`));
    });
  }

  /** Ends the worker; calls under way reject with an AbortError. */
  terminate(): void {
    this.#worker.terminate();
    this.#end(new DOMException('the worker was ended', 'AbortError'));
  }

  #end(error: unknown): void {
    this.#failure = error;
    for (const reject of [...this.#running]) reject(error);
  }

  call<T>(method: string, options: unknown = {}, handlers: CallHandlers = {}): Promise<T> {
    const { signal } = handlers;
    return new Promise<T>((resolve, reject) => {
      if (this.#failure) throw this.#failure;
      signal?.throwIfAborted();
      const { port1, port2 } = new MessageChannel();
      const port = port1 as unknown as Port;
      const abort = () => port.postMessage({ event: 'abort' } satisfies CallAnswer);
      const end = (settle: () => void) => {
        this.#running.delete(fail);
        signal?.removeEventListener('abort', abort);
        port.close();
        settle();
      };
      const fail = (error: unknown) => end(() => reject(error));
      this.#running.add(fail);
      signal?.addEventListener('abort', abort);
      const listener = new CallListener(port, handlers, fail);
      port.onmessage = ({ data }) => {
        this.#hasAnswered = true;
        const event = data as CallEvent;
        if (event.event === 'result') end(() => resolve(event.value as T));
        else if (event.event === 'error') fail(signal?.aborted ? signal.reason : unpackError(event.error));
        else listener.hear(event);
      };
      const hears = { step: handlers.onStep !== undefined, image: handlers.onImage !== undefined };
      const message: CallMessage = { muse: 'call', method, options, hears };
      try {
        this.#worker.postMessage(message, [port2 as never]);
      } catch (error) {
        fail(error); // an option that can't be cloned
      }
    });
  }
}

/** Hands the events of a call to the page's callbacks. */
class CallListener {
  readonly #previews: { resolve(image: RgbaImage): void; reject(error: unknown): void }[] = [];

  constructor(
    private readonly port: Port,
    private readonly handlers: CallHandlers,
    private readonly fail: (error: unknown) => void,
  ) {}

  hear(event: CallEvent): void {
    switch (event.event) {
      case 'progress':
        this.handlers.onProgress?.(event.progress);
        break;
      case 'step':
        this.#answer(() => this.handlers.onStep!({ ...event.step, preview: () => this.#preview() }));
        break;
      case 'image':
        this.#answer(() => this.handlers.onImage!(event.image));
        break;
      case 'preview': {
        const waiting = this.#previews.shift();
        if (event.error) waiting?.reject(unpackError(event.error));
        else waiting?.resolve(event.value as RgbaImage);
        if (this.#previews.length > 0) this.#post({ event: 'preview' });
      }
    }
  }

  /** Runs a callback; what it throws ends the call. */
  #answer(callback: () => void | Promise<void>): void {
    (async () => {
      try {
        await callback();
        this.#post({ event: 'next' });
      } catch (error) {
        this.#post({ event: 'abort' });
        this.fail(error);
      }
    })();
  }

  /** The worker makes one at a time. */
  #preview(): Promise<RgbaImage> {
    return new Promise((resolve, reject) => {
      this.#previews.push({ resolve, reject });
      if (this.#previews.length === 1) this.#post({ event: 'preview' });
    });
  }

  #post(answer: CallAnswer): void {
    this.port.postMessage(answer);
  }
}
