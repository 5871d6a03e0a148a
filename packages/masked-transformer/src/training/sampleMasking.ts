import { ConfigError, permutation, randomUint32, uniform } from '@muse/backend';

/** Stages of the random streams: one seed per image from the run's seed, then streams of that seed. */
const IMAGE_SEED_STAGE = 0x3a5c0;
const MASK_RATIO_STAGE = 0x3a5c1;
const MASK_ORDER_STAGE = 0x3a5c2;
const TEXT_DROP_STAGE = 0x3a5c3;

export interface SampleMaskingOptions {
  /** What the tokenizer made of the images, [B·S], in [0, maskTokenId). */
  readonly tokenIds: Int32Array;
  /** B */
  readonly batchSize: number;
  /** S */
  readonly seqLen: number;
  readonly maskTokenId: number;
  /** Probability in [0, 1] that an image's text is dropped: 1 drops every one. */
  readonly condDropProb: number;
  /** Of the run: a whole number in [0, 2^53). */
  readonly seed: number;
  /** Of the optimizer: a whole number in [0, 2^32). */
  readonly step: number;
  /** Place in the step's batch of the first image given here (gradient accumulation, several processes). Default 0. */
  readonly firstIndex?: number;
}

/** A batch to learn from: what the model sees, what it should have said, and where that counts. */
export interface SampledMasking {
  /** i32 [B·S]: the tokens, the masked ones replaced by `maskTokenId`. */
  readonly maskedIds: Int32Array;
  /** i32 [B·S]: the tokens. */
  readonly labels: Int32Array;
  /** f32 [B·S]: 1 where masked, else 0. */
  readonly lossMask: Float32Array;
  /** [B]: 1 where the image is to be learned without its text. */
  readonly isTextDropped: Uint8Array;
  /** [B]: tokens masked per image, each at least 1. */
  readonly numMasked: Int32Array;
}

/**
 * Masks the tokens of a batch as the paper trains (arXiv 2301.00704, section 2.6): per image a ratio r = cos(πu/2) with u
 * uniform, whose density is (2/π)(1 − r²)^−½; max(1, round(r·S)) positions in random order; the text dropped with
 * probability `condDropProb`.
 *
 * Rounded, not cut off as in MaskGIT: decoding starts with every token masked, and ⌊r·S⌋ would never train that.
 *
 * An image's draw depends on (seed, step, its place in the batch) alone, so a run that resumes goes on as if it had
 * never stopped, in parts of any size.
 *
 * @throws ConfigError for sizes that do not fit, ids that are no tokens, or numbers out of range
 */
export function sampleMasking(options: SampleMaskingOptions): SampledMasking {
  checkOptions(options);
  const { tokenIds, batchSize, seqLen, maskTokenId, condDropProb, seed, step, firstIndex = 0 } = options;
  const maskedIds = tokenIds.slice();
  const lossMask = new Float32Array(batchSize * seqLen);
  const isTextDropped = new Uint8Array(batchSize);
  const numMasked = new Int32Array(batchSize);
  for (let image = 0; image < batchSize; image++) {
    const imageSeed = seedOfImage(seed, step, firstIndex + image);
    const ratio = Math.cos((Math.PI / 2) * uniform({ seed: imageSeed, stage: MASK_RATIO_STAGE }, 1)[0]!);
    const count = Math.max(1, Math.round(ratio * seqLen));
    const order = permutation({ seed: imageSeed, stage: MASK_ORDER_STAGE }, seqLen);
    for (const position of order.subarray(0, count)) {
      maskedIds[image * seqLen + position] = maskTokenId;
      lossMask[image * seqLen + position] = 1;
    }
    numMasked[image] = count;
    isTextDropped[image] = uniform({ seed: imageSeed, stage: TEXT_DROP_STAGE }, 1)[0]! < condDropProb ? 1 : 0;
  }
  return { maskedIds, labels: tokenIds.slice(), lossMask, isTextDropped, numMasked };
}

/** A seed of 53 random bits: two words at the image's place in the step's stream. */
function seedOfImage(seed: number, step: number, index: number): number {
  const [low, high] = randomUint32({ seed, stage: IMAGE_SEED_STAGE, step }, 2, index * 2);
  return (high! >>> 11) * 2 ** 32 + low!;
}

function checkOptions({
  tokenIds,
  batchSize,
  seqLen,
  maskTokenId,
  condDropProb,
  seed,
  step,
  firstIndex = 0,
}: SampleMaskingOptions): void {
  for (const [name, value, least] of [
    ['batchSize', batchSize, 1],
    ['seqLen', seqLen, 1],
    ['maskTokenId', maskTokenId, 1],
    ['seed', seed, 0],
    ['step', step, 0],
    ['firstIndex', firstIndex, 0],
  ] as const) {
    if (!Number.isSafeInteger(value) || value < least) {
      throw problem(`${name} to be a whole number of at least ${least}`, value);
    }
  }
  if (step >= 2 ** 32) throw problem('step to be below 2^32', step);
  if (!(condDropProb >= 0 && condDropProb <= 1)) throw problem('condDropProb in [0, 1]', condDropProb);
  if (tokenIds.length !== batchSize * seqLen) {
    throw problem(`tokenIds of length batchSize · seqLen = ${batchSize * seqLen}`, tokenIds.length);
  }
  const bad = tokenIds.findIndex((id) => id < 0 || id >= maskTokenId);
  if (bad >= 0) throw problem(`tokenIds in [0, ${maskTokenId})`, `${tokenIds[bad]} at ${bad}`);
}

function problem(expected: string, got: number | string): ConfigError {
  return new ConfigError({ package: 'masked-transformer', in: 'sampleMasking' }, `expected ${expected}, got ${got}`);
}
