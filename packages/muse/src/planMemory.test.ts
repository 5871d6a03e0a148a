import { ConfigError } from '@muse/backend';
import type { ModelFolder } from '@muse/checkpoint';
import { countParameters, memoryFolder, openCheckpoint } from '@muse/checkpoint';
import { resolveT5Config, type T5PresetName, t5ConfigJson, t5Parameters } from '@muse/t5-encoder';
import { tinyIndex } from '@muse/tiny-model';
import { describe, expect, it } from 'vitest';
import { planMemory } from './planMemory.js';

/** A file that says that it holds so many f16 weights; none of them is there. */
function weightsOf(numWeights: number) {
  const header = new TextEncoder().encode(
    JSON.stringify({ w: { dtype: 'F16', shape: [numWeights], data_offsets: [0, 2 * numWeights] } }),
  );
  const start = new Uint8Array(8 + header.length);
  new DataView(start.buffer).setUint32(0, header.length, true);
  start.set(header, 8);
  return {
    name: 'w',
    sizeBytes: start.length + 2 * numWeights,
    read: async (offset: number, length: number) => start.slice(offset, offset + length),
    close: async () => {},
  };
}

interface Component {
  readonly numWeights: number;
  readonly config?: unknown;
}

function folderOf(index: ModelFolder['index'], components: Record<string, Component>): ModelFolder {
  return {
    index,
    weighted: Object.keys(components),
    component: async (name) => ({
      name,
      config: components[name]!.config,
      folder: memoryFolder('m', new Map()),
      checkpoint: () => openCheckpoint(weightsOf(components[name]!.numWeights)),
    }),
  };
}

/** Of aMUSEd, with CLIP's text tower and the VQModel. */
const [small, large] = [603_537_664, 608_257_792].map((size) => size + 123_650_304 + 146_244_675) as [number, number];
const amused = (numWeights: number, side: number) =>
  folderOf({ ...tinyIndex, format: 'diffusers', imageSize: [side, side] }, { vqvae: { numWeights } });

/** Muse with a T5 and so many other weights, 16 × 16 pixels. */
function museWith(preset: T5PresetName, numWeights: number): ModelFolder {
  const config = resolveT5Config(preset);
  const text = { numWeights: countParameters(t5Parameters(config)), config: t5ConfigJson(config) };
  return folderOf(tinyIndex, { text_encoder: text, transformer: { numWeights } });
}

const wasm = { name: 'wasm' } as const;
const others = [{ name: 'tensorflow' }, { name: 'webgpu' }, { name: 'cpu' }] as const;

describe('the memory of WebAssembly', () => {
  it('holds aMUSEd-256, and refuses aMUSEd-512 with what it takes', async () => {
    // 4 bytes for each of 873,432,639 and 878,152,767 weights, 4096 for each pixel: 3.76 and 4.59 GB.
    expect(await planMemory(amused(small, 256), wasm)).toBe('resident');
    const plan = planMemory(amused(large, 512), wasm);
    await expect(plan).rejects.toThrow(ConfigError);
    await expect(plan).rejects.toThrow('at most 4.29 GB on the device wasm, got one of 4.59 GB');
  });

  it('is no limit of the others', async () => {
    for (const device of others) expect(await planMemory(amused(large, 512), device)).toBe('resident');
  });
});

describe('the place of the text encoder', () => {
  it.each([
    ['small', 'resident'],
    ['large', 'resident'],
    ['xl', 'streamed'],
    ['xxl', 'streamed'],
  ] as const)('%s is %s', async (preset, place) => {
    for (const device of others) expect(await planMemory(museWith(preset, 632_000_000), device)).toBe(place);
  });

  it('is what was asked for', async () => {
    for (const device of [wasm, ...others]) {
      expect(await planMemory(museWith('tiny', 7), device, 'streamed')).toBe('streamed');
    }
    for (const device of others) expect(await planMemory(museWith('xxl', 7), device, 'resident')).toBe('resident');
  });

  it('is its file where a resident one leaves no room for the rest on WebAssembly', async () => {
    // 4 bytes for each of 341,231,104 weights are 1.36 GB: 2.93 GB of 4.29 are left.
    expect(await planMemory(museWith('large', 732_000_000), wasm)).toBe('resident');
    expect(await planMemory(museWith('large', 735_000_000), wasm)).toBe('streamed');
    await expect(planMemory(museWith('large', 735_000_000), wasm, 'resident')).rejects.toThrow(
      'got one of 4.31 GB (1,076,231,104 weights, 16 × 16 pixels): take another device',
    );
  });

  it('leaves one block to be counted', async () => {
    // XXL's block: 4·4096·4096 + 3·4096·10240 + 2·4096 weights and 32·64 of the position bias, 192,948,224.
    expect(await planMemory(museWith('xxl', 880_000_000), wasm)).toBe('streamed');
    await expect(planMemory(museWith('xxl', 882_000_000), wasm)).rejects.toThrow(
      'got one of 4.30 GB (1,074,948,224 weights, 16 × 16 pixels)',
    );
  });
});
