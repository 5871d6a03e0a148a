import { ConfigError } from '../errors.js';
import { philox4x32 } from './philox.js';

/**
 * Names one stream of random numbers. A draw is a function of (seed, stage, step, position) alone, so an image depends
 * on its own seed and on nothing else: not on the batch it was in, nor on the device.
 */
export interface RandomStream {
  /** Integer in [0, 2^53). */
  readonly seed: number;
  /** What the numbers are for; each use has its own (u32). */
  readonly stage: number;
  /** Step within the stage (u32). */
  readonly step?: number;
}

/** @throws ConfigError */
export function checkSeed(seed: number, caller: string): void {
  if (Number.isSafeInteger(seed) && seed >= 0) return;
  throw new ConfigError({ package: 'backend', in: caller }, `expected a seed in [0, 2^53), got ${seed}`);
}

/**
 * u32 at `length` positions of a stream, four per Philox block. Counter: (position / 4, step, stage, 0). Key: the seed.
 *
 * @throws ConfigError for a seed that is no integer in [0, 2^53)
 */
export function randomUint32(stream: RandomStream, length: number, offset = 0): Uint32Array {
  const { seed, stage, step = 0 } = stream;
  checkSeed(seed, 'randomUint32');
  const key0 = seed >>> 0;
  const key1 = Math.floor(seed / 2 ** 32) >>> 0;
  const out = new Uint32Array(length);
  const block = new Uint32Array(4);
  let current = -1;
  for (let i = 0; i < length; i++) {
    const position = offset + i;
    const index = Math.floor(position / 4);
    if (index !== current) {
      philox4x32(index >>> 0, step >>> 0, stage >>> 0, 0, key0, key1, block);
      current = index;
    }
    out[i] = block[position & 3]!;
  }
  return out;
}

/** Uniform in (0, 1): (u + ½) / 2³², at f64. */
export function uniform(stream: RandomStream, length: number, offset = 0): Float64Array {
  return Float64Array.from(randomUint32(stream, length, offset), (u) => (u + 0.5) / 2 ** 32);
}

/** Standard normal by Box–Muller, a pair of uniforms for each pair of numbers. */
export function normal(stream: RandomStream, length: number): Float64Array {
  const u = uniform(stream, length + (length & 1));
  const out = new Float64Array(length);
  for (let i = 0; i < length; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(u[i]!));
    const angle = 2 * Math.PI * u[i + 1]!;
    out[i] = radius * Math.cos(angle);
    if (i + 1 < length) out[i + 1] = radius * Math.sin(angle);
  }
  return out;
}

/** Standard Gumbel: −log(−log u). */
export function gumbel(stream: RandomStream, length: number, offset = 0): Float64Array {
  return uniform(stream, length, offset).map((u) => -Math.log(-Math.log(u)));
}

/** A uniformly random order of 0 … length − 1 (Fisher–Yates). */
export function permutation(stream: RandomStream, length: number): Int32Array {
  const out = Int32Array.from({ length }, (_, i) => i);
  const u = uniform(stream, length);
  for (let i = length - 1; i > 0; i--) {
    const j = Math.floor(u[i]! * (i + 1));
    [out[i], out[j]] = [out[j]!, out[i]!];
  }
  return out;
}
