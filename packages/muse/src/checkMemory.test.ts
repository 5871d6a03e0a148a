import { ConfigError } from '@muse/backend';
import type { ModelFolder } from '@muse/checkpoint';
import { memoryFolder, openCheckpoint } from '@muse/checkpoint';
import { tinyIndex } from '@muse/tiny-model';
import { describe, expect, it } from 'vitest';
import { checkMemory } from './checkMemory.js';

/** A folder of one component whose file says that it holds so many f16 weights; none of them is there. */
function folderOf(numWeights: number, imageSize: [number, number]): ModelFolder {
  const header = new TextEncoder().encode(
    JSON.stringify({ w: { dtype: 'F16', shape: [numWeights], data_offsets: [0, 2 * numWeights] } }),
  );
  const start = new Uint8Array(8 + header.length);
  new DataView(start.buffer).setUint32(0, header.length, true);
  start.set(header, 8);
  const source = {
    name: 'w',
    sizeBytes: start.length + 2 * numWeights,
    read: async (offset: number, length: number) => start.slice(offset, offset + length),
    close: async () => {},
  };
  return {
    index: { ...tinyIndex, imageSize },
    weighted: ['vqgan'],
    component: async (name) => ({
      name,
      config: {},
      folder: memoryFolder('m', new Map()),
      checkpoint: () => openCheckpoint(source),
    }),
  };
}

/** Of aMUSEd, with CLIP's text tower and the VQModel. */
const [small, large] = [603_537_664, 608_257_792].map((size) => size + 123_650_304 + 146_244_675) as [number, number];

describe('checkMemory', () => {
  it('refuses aMUSEd on WebAssembly with what it takes, and lets half of it pass', async () => {
    for (const [size, side, gigabytes] of [
      [small, 256, '7.26'],
      [large, 512, '8.10'],
    ] as const) {
      const check = checkMemory(folderOf(size, [side, side]), { name: 'wasm' });
      await expect(check).rejects.toThrow(ConfigError);
      await expect(check).rejects.toThrow(`at most 4.29 GB on the device wasm, got one of ${gigabytes} GB`);
    }
    await checkMemory(folderOf(Math.floor(small / 2), [256, 256]), { name: 'wasm' });
  });

  it('knows no limit of the others', async () => {
    for (const name of ['tensorflow', 'webgpu', 'cpu'] as const) {
      await checkMemory(folderOf(large, [512, 512]), { name });
    }
  });
});
