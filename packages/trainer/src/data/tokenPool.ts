import { type Backend, ConfigError } from '@muse/backend';
import { encodeSafetensors, memorySource, openCheckpoint } from '@muse/checkpoint';
import type { VQGAN } from '@muse/vqgan';
import { crc32c } from '../metrics/crc32c.js';
import type { RunFolder } from '../run/runFolder.js';
import { type Dataset, loadImages } from './dataset.js';

/** The images of a dataset as the frozen tokenizer sees them: encoded once, not at each step. */
export interface TokenPool {
  /** S */
  readonly seqLen: number;
  /** i32 [B·S] of the images at `indices`. */
  tokens(indices: ArrayLike<number>): Int32Array;
}

export interface TokenPoolOptions {
  readonly backend: Backend;
  readonly vqgan: VQGAN;
  readonly dataset: Dataset;
  /** Where the tokens are kept for the next start: `<name>.safetensors`. */
  readonly run: RunFolder;
  readonly name: string;
  readonly onProgress?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

const ENCODE_BATCH = 32;

/**
 * Encodes every image of a dataset, or reads what an earlier start of the run encoded with the same tokenizer.
 *
 * @throws the signal's reason if it is aborted
 */
export async function encodeDataset(options: TokenPoolOptions): Promise<TokenPool> {
  const { vqgan, dataset, run, name } = options;
  const seqLen = (dataset.imageSize / vqgan.downsampleFactor) ** 2;
  if (!Number.isInteger(seqLen)) {
    throw new ConfigError(
      { package: 'trainer', in: 'encodeDataset' },
      `expected images of a multiple of ${vqgan.downsampleFactor} pixels, got ${dataset.imageSize}`,
    );
  }
  const key = `${dataset.id} ${await fingerprint(vqgan)}`;
  const path = `${name}.safetensors`;
  const stored = (await run.list('')).includes(path) ? await readTokens(await run.read(path), path, key) : undefined;
  const tokens = stored ?? (await encodeAll(options, seqLen));
  if (!stored) {
    const tensor = { dtype: 'I32', shape: [dataset.size, seqLen], data: tokens } as const;
    await run.write(path, encodeSafetensors({ tokens: tensor }, { key }));
  }
  return {
    seqLen,
    tokens(indices) {
      const out = new Int32Array(indices.length * seqLen);
      for (let i = 0; i < indices.length; i++) {
        out.set(tokens.subarray(indices[i]! * seqLen, (indices[i]! + 1) * seqLen), i * seqLen);
      }
      return out;
    },
  };
}

async function encodeAll(
  { backend, vqgan, dataset, onProgress, signal }: TokenPoolOptions,
  seqLen: number,
): Promise<Int32Array> {
  const { tf } = backend;
  const { size, imageSize } = dataset;
  const tokens = new Int32Array(size * seqLen);
  for (let first = 0; first < size; first += ENCODE_BATCH) {
    signal?.throwIfAborted();
    const count = Math.min(ENCODE_BATCH, size - first);
    const images = await loadImages(
      dataset,
      Int32Array.from({ length: count }, (_, i) => first + i),
    );
    const ids = tf.tidy(() => vqgan.encode(tf.tensor4d(images, [count, imageSize, imageSize, 3])));
    tokens.set((await ids.data()) as Int32Array, first * seqLen);
    ids.dispose();
    onProgress?.(first + count, size);
    await new Promise((resolve) => setTimeout(resolve, 0)); // so that signals arrive
  }
  return tokens;
}

/** Tells one tokenizer from another: the checksum of its codebook and of the last layer before it. */
async function fingerprint(vqgan: VQGAN): Promise<string> {
  const tensors = [vqgan.codebook, vqgan.parameters.get('quant_conv.weight')!];
  const sums: number[] = [];
  for (const tensor of tensors) {
    const { buffer, byteOffset, byteLength } = await tensor.data();
    sums.push(crc32c(new Uint8Array(buffer, byteOffset, byteLength)));
  }
  return sums.join('-');
}

async function readTokens(bytes: Uint8Array, name: string, key: string): Promise<Int32Array | undefined> {
  const checkpoint = await openCheckpoint(memorySource(name, bytes));
  if (checkpoint.metadata.key !== key) return undefined;
  return (await checkpoint.read('tokens')).data as Int32Array;
}
