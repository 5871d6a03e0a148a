import type { Backend, DeviceName } from '../src/index.js';

/** A check of a device's ops. The same runs in Node and in a page, so it knows neither files nor a test runner. */
export interface ConformanceCase {
  readonly name: string;
  /** Default: all. */
  readonly devices?: readonly DeviceName[];
  /** What this device lacks for it: the case is skipped. */
  missing?(backend: Backend): string | undefined;
  /** Rejects with what differs. */
  run(backend: Backend): Promise<void>;
}
