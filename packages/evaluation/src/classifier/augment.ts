import { normal, uniform } from '@muse/backend';

/** How much pictures are changed in training. */
export interface AugmentOptions {
  /** Largest standard deviation of the noise added to each value. Default 0.06. */
  readonly noise?: number;
  /** Most passes of a blur of three pixels; a picture has none with probability 1/2. Default 2. */
  readonly blurPasses?: number;
  /** Largest change of a channel's gain, and half of it of its offset. Default 0.1. */
  readonly colour?: number;
}

const AUGMENT_STAGE = 0xa061;
const NOISE_STAGE = 0xa062;
/** Normal numbers that all pictures share: each takes its own stretch of them. */
const NOISE_LENGTH = 2 ** 18 + 1;

/**
 * Changes pictures so that a network which learns from them bears with what generated ones are like: a little blurred,
 * a little off in colour, with grain. What picture `index` gets is a function of (seed, index).
 */
export class Augmenter {
  readonly #seed: number;
  readonly #options: Required<AugmentOptions>;
  readonly #noise: Float32Array;

  constructor(seed: number, { noise = 0.06, blurPasses = 2, colour = 0.1 }: AugmentOptions = {}) {
    this.#seed = seed;
    this.#options = { noise, blurPasses, colour };
    this.#noise = Float32Array.from(normal({ seed, stage: NOISE_STAGE }, NOISE_LENGTH));
  }

  /**
   * @param pixels f32 [side · side · 3] in [0, 1], changed in place
   * @param index of the picture in the whole training (u32)
   */
  apply(pixels: Float32Array, side: number, index: number): void {
    const { noise, blurPasses, colour } = this.#options;
    const u = uniform({ seed: this.#seed, stage: AUGMENT_STAGE, step: index }, 10);
    if (u[0]! < 0.5) {
      const passes = Math.ceil(u[1]! * blurPasses);
      for (let pass = 0; pass < passes; pass++) blur(pixels, side, u[2]! / 3);
    }
    const gain = [3, 4, 5].map((i) => 1 + (2 * u[i]! - 1) * colour);
    const offset = (2 * u[6]! - 1) * (colour / 2);
    const sigma = u[7]! ** 2 * noise;
    const start = Math.floor(u[8]! * NOISE_LENGTH);
    for (let i = 0; i < pixels.length; i++) {
      const value = pixels[i]! * gain[i % 3]! + offset + sigma * this.#noise[(start + i) % NOISE_LENGTH]!;
      pixels[i] = Math.min(Math.max(value, 0), 1);
    }
  }
}

/** Along each axis [strength, 1 − 2·strength, strength]; beyond the edge lies the edge's own pixel. */
export function blur(pixels: Float32Array, side: number, strength: number): void {
  const rowLength = side * 3;
  for (const [step, lineStep] of [
    [3, rowLength],
    [rowLength, 3],
  ] as const) {
    const line = new Float32Array(side);
    for (let lineIndex = 0; lineIndex < side; lineIndex++) {
      for (let channel = 0; channel < 3; channel++) {
        const start = lineIndex * lineStep + channel;
        for (let i = 0; i < side; i++) line[i] = pixels[start + i * step]!;
        for (let i = 0; i < side; i++) {
          const neighbours = line[Math.max(i - 1, 0)]! + line[Math.min(i + 1, side - 1)]!;
          pixels[start + i * step] = (1 - 2 * strength) * line[i]! + strength * neighbours;
        }
      }
    }
  }
}
