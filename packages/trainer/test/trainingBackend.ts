import { type Backend, createBackend, UnsupportedBackendError } from '@muse/backend';

let created: Promise<Backend> | undefined;

/** The native device where it is installed, else `cpu`; one for a test file. */
export function trainingBackend(): Promise<Backend> {
  created ??= createBackend({ device: 'tensorflow' }).catch((error: unknown) => {
    if (error instanceof UnsupportedBackendError) return createBackend({ device: 'cpu' });
    throw error;
  });
  return created;
}
