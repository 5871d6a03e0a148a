import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Backend, createBackend } from '@muse/backend';
import { nodeFolder } from '@muse/checkpoint/node';
import { writeTinyCascade, writeTinyModel } from '@muse/tiny-model';
import { afterAll, beforeAll, expect } from 'vitest';
import { Muse } from '../src/index.js';

/** The tiny model with and without its second stage, while the tests of a file run. */
export function tinyMuse() {
  let backend: Backend;
  let folder: string;
  const loaded: { base?: Muse; cascade?: Muse } = {};

  beforeAll(async () => {
    backend = await createBackend({ device: 'wasm' });
    folder = await mkdtemp(join(tmpdir(), 'muse-tiny-'));
    await writeTinyModel(backend, join(folder, 'base'));
    await writeTinyCascade(backend, join(folder, 'cascade'));
    loaded.base = await Muse.fromPretrained(nodeFolder(join(folder, 'base')), { backend });
    loaded.cascade = await Muse.fromPretrained(nodeFolder(join(folder, 'cascade')), { backend });
    // What prompts have in common stays from the first one on.
    for (const muse of [loaded.base, loaded.cascade]) await muse.generate({ prompt: 'a cat', numSteps: 1 });
  });

  afterAll(async () => {
    await loaded.base?.dispose();
    await loaded.cascade?.dispose();
    await rm(folder, { recursive: true });
  });

  return {
    get base(): Muse {
      return loaded.base!;
    },
    get cascade(): Muse {
      return loaded.cascade!;
    },
    /** Runs and checks that no tensor is left behind. */
    async withoutLeak<T>(run: () => Promise<T>): Promise<T> {
      const before = backend.tf.memory().numTensors;
      try {
        return await run();
      } finally {
        expect(backend.tf.memory().numTensors).toBe(before);
      }
    },
  };
}
