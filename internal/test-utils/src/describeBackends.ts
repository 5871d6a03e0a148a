import { type Backend, createBackend, type DeviceName, deviceNames, UnsupportedBackendError } from '@muse/backend';
import { afterAll, afterEach, beforeAll, beforeEach, describe } from 'vitest';

/** @param backend the running backend; call it inside tests and hooks only */
export type BackendSuite = (backend: () => Backend, device: DeviceName) => void;

export interface DescribeBackendsOptions {
  /** Default: all. */
  readonly devices?: readonly DeviceName[];
}

/**
 * One suite on every device. A device that this machine lacks skips its tests with the reason, unless
 * `MUSE_REQUIRE_DEVICES` (names with commas) demands it; then it fails. Each test also fails on an error that the
 * device reports late, as WebGPU does.
 */
export function describeBackends(
  name: string,
  suite: BackendSuite,
  { devices = deviceNames }: DescribeBackendsOptions = {},
): void {
  const required = (process.env.MUSE_REQUIRE_DEVICES ?? '').split(',').map((entry) => entry.trim());
  for (const device of devices) {
    describe(`${name} on ${device}`, () => {
      let backend: Backend | undefined;
      let missing: string | undefined;

      beforeAll(async () => {
        try {
          backend = await createBackend({ device });
        } catch (error) {
          if (!(error instanceof UnsupportedBackendError) || required.includes(device)) throw error;
          missing = error.message;
        }
      });
      beforeEach(({ skip }) => {
        if (missing) skip(missing);
      });
      afterEach(async () => {
        await backend?.checkErrors();
      });
      afterAll(async () => {
        await backend?.dispose();
      });

      suite(() => backend!, device);
    });
  }
}
