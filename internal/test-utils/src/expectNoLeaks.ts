import type { Backend } from '@muse/backend';

/** Runs `body`, which must dispose of all that it makes: as many tensors live afterwards as before. */
export async function expectNoLeaks(backend: Backend, body: () => Promise<void> | void): Promise<void> {
  const before = backend.tf.memory().numTensors;
  await body();
  const leaked = backend.tf.memory().numTensors - before;
  if (leaked !== 0) throw new Error(`expected as many tensors as before, got ${leaked} more`);
}
