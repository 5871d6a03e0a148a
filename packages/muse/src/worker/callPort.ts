import type { GenerationStep } from '../options.js';
import { packError } from './packError.js';
import type { CallAnswer, CallEvent, CallMessage, Port } from './protocol.js';

/** The worker's end of a call. */
export class CallPort {
  readonly signal: AbortSignal;
  readonly #port: Port;
  readonly #hears: CallMessage['hears'];
  /** What the page answers to the event that waits. */
  #answer: ((answer: CallAnswer) => void) | undefined;

  constructor(port: Port, hears: CallMessage['hears']) {
    const controller = new AbortController();
    this.signal = controller.signal;
    this.#port = port;
    this.#hears = hears;
    port.onmessage = ({ data }) => {
      const answer = data as CallAnswer;
      if (answer.event === 'abort') controller.abort();
      // Whoever waits must not wait for ever.
      this.#answer?.(answer.event === 'abort' ? { event: 'next' } : answer);
    };
  }

  post(event: CallEvent): void {
    this.#port.postMessage(event);
  }

  /** Callbacks for a pipeline; left out where the page does not listen. */
  get hooks() {
    const { signal } = this;
    const onStep = async ({ preview, ...step }: GenerationStep) => {
      await this.#ask({ event: 'step', step }, preview);
    };
    const onImage = async (image: unknown) => {
      await this.#ask({ event: 'image', image });
    };
    return { signal, ...(this.#hears.step && { onStep }), ...(this.#hears.image && { onImage }) };
  }

  /** Posts an event and waits until the page is through with it. */
  async #ask(event: CallEvent, preview?: GenerationStep['preview']): Promise<void> {
    if (this.signal.aborted) return;
    this.post(event);
    for (;;) {
      const answer = await new Promise<CallAnswer>((resolve) => {
        this.#answer = resolve;
      });
      this.#answer = undefined;
      if (answer.event !== 'preview' || !preview) return;
      try {
        this.post({ event: 'preview', value: await preview() });
      } catch (error) {
        this.post({ event: 'preview', error: packError(error) });
      }
    }
  }

  /** Ends the call with what the action gives. */
  async finish(action: () => Promise<unknown>): Promise<void> {
    try {
      this.post({ event: 'result', value: await action() });
    } catch (error) {
      this.post({ event: 'error', error: packError(error) });
    } finally {
      this.#port.close();
    }
  }
}
