import type { Backend } from '@muse/backend';
import { expect } from 'vitest';

/** Runs `body`, which must dispose of all that it makes: as many tensors live afterwards as before. */
export async function expectNoLeaks(backend: Backend, body: () => Promise<void> | void): Promise<void> {
  const before = backend.tf.memory().numTensors;
  await body();
  expect(backend.tf.memory().numTensors - before, 'tensors leaked').toBe(0);
}
