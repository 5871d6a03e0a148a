import { exitCodes } from './errors.js';

/** Ctrl-C and SIGTERM as an AbortSignal. */
export interface Interrupt {
  readonly signal: AbortSignal;
  /** Exit code to end with, once the signal is aborted. */
  readonly exitCode: number | undefined;
  /** Leaves the signals to Node again. */
  release(): void;
}

/** The first signal asks for a clean end; the second ends at once. */
export function listenForInterrupt(): Interrupt {
  const controller = new AbortController();
  let exitCode: number | undefined;
  const listeners = (['SIGINT', 'SIGTERM'] as const).map((name) => {
    const listener = () => {
      const code = name === 'SIGINT' ? exitCodes.interrupted : exitCodes.terminated;
      if (exitCode !== undefined) process.exit(code);
      exitCode = code;
      controller.abort();
    };
    process.on(name, listener);
    return () => process.off(name, listener);
  });
  return {
    signal: controller.signal,
    get exitCode() {
      return exitCode;
    },
    release: () => {
      for (const remove of listeners) remove();
    },
  };
}
