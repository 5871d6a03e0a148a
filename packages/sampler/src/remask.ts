import { ConfigError, permutation } from '@muse/backend';
import type { DecodeStep } from './decode.js';
import { type DecodeOptions, type ResolvedDecodeOptions, resolveDecodeOptions } from './decodeOptions.js';
import { guidanceScaleAt } from './guidance.js';
import { sampleStep } from './sampleStep.js';
import { type SamplingSettings, shown } from './settings.js';
import { streamOf } from './streams.js';

/** The paper's: 100 iterations at t = 4, top-k 3 (Chang et al. 2023, Muse, section 3.3); guidance does not ramp. */
export const defaultRemaskSettings = {
  numSteps: 100,
  guidanceScale: 4,
  guidanceSchedule: 'constant',
  topK: 3,
} as const satisfies Partial<SamplingSettings>;

/** The paper's share of the tokens that an iteration masks. */
export const defaultRemaskRatio = 0.08;

/** `numSteps` is the number of iterations; mask schedule, order and choice temperature are of no effect. */
export interface RemaskOptions extends DecodeOptions {
  /** Share of the tokens that may change which each iteration masks, rounded, but at least one; in (0, 1]. */
  readonly remaskRatio?: number;
  /** Non-zero: the token may change, u8 [B·S]. Default: all. */
  readonly eligible?: Uint8Array;
}

const place = { package: 'sampler', in: 'remask' };

/**
 * Mask-free editing (Chang et al. 2023, Muse, section 3.3): starting from the tokens of an image, each iteration masks a
 * random few of them and samples those anew from (1 + t)·conditional − t·unconditional, so that the image drifts to the
 * prompt. All tokens are known before and after each iteration. A step's `decided` are those that it sampled.
 *
 * Random numbers depend on (seed, stage, iteration, position) alone, as in `decode`.
 *
 * @returns the steps; the generator's return value is the token ids at the end, i32 [B·S]
 * @throws ConfigError at once for an option out of its range, or a token that is masked at the start; else as `decode`
 */
export function remask(options: RemaskOptions): AsyncGenerator<DecodeStep, Int32Array, void> {
  const { remaskRatio = defaultRemaskRatio } = options;
  const resolved = resolveDecodeOptions({ ...defaultRemaskSettings, ...defined(options) }, place);
  const { tokenIds, maskTokenId } = resolved;
  if (!(remaskRatio > 0 && remaskRatio <= 1)) {
    throw new ConfigError(place, `expected remaskRatio to be in (0, 1], got ${shown(remaskRatio)}`);
  }
  const masked = tokenIds.indexOf(maskTokenId);
  if (masked >= 0)
    throw new ConfigError(place, `expected every token to be known, got one masked at position ${masked}`);
  const eligible = options.eligible ?? new Uint8Array(tokenIds.length).fill(1);
  if (eligible.length !== tokenIds.length) {
    throw new ConfigError(place, `expected eligible for ${tokenIds.length} tokens, got ${eligible.length}`);
  }
  return run(resolved, eligible, remaskRatio);
}

/** Without what is `undefined`, which counts as left out. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

async function* run(
  options: ResolvedDecodeOptions,
  eligible: Uint8Array,
  remaskRatio: number,
): AsyncGenerator<DecodeStep, Int32Array, void> {
  const { settings, seeds, grid, maskTokenId, stage } = options;
  const { numSteps } = settings;
  const seqLen = grid[0] * grid[1];
  const tokenIds = options.tokenIds.slice();
  const state = {
    // What is sampled is at once the image's.
    candidates: tokenIds,
    confidence: new Float32Array(tokenIds.length).fill(1),
    logProbability: new Float64Array(tokenIds.length),
  };
  const mayChange = seeds.map((_, b) =>
    Array.from({ length: seqLen }, (_, position) => position).filter((position) => eligible[b * seqLen + position]),
  );
  options.signal?.throwIfAborted();
  if (mayChange.every((positions) => positions.length === 0)) return tokenIds;

  for (let step = 1; step <= numSteps; step++) {
    const guidanceScale = guidanceScaleAt(settings, step, numSteps);
    const chosen = mayChange.map((positions, b) => {
      const order = permutation(streamOf('remask', seeds[b]!, stage, step), positions.length);
      const count = Math.max(1, Math.round(remaskRatio * positions.length));
      return Array.from(order.subarray(0, count), (index) => positions[index]!);
    });
    const decided = new Uint8Array(tokenIds.length);
    const masked = tokenIds.slice();
    chosen.forEach((positions, b) => {
      for (const position of positions) {
        decided[b * seqLen + position] = 1;
        masked[b * seqLen + position] = maskTokenId;
      }
    });
    const sampled = { options, state, tokenIds: masked, positions: chosen, step, guidanceScale };
    await sampleStep({ ...sampled, use: 'remaskedToken' }, place);
    yield {
      step,
      numSteps,
      tokenIds: tokenIds.slice(),
      candidates: tokenIds.slice(),
      decided,
      confidence: state.confidence.slice(),
      numMasked: seeds.map(() => 0),
      guidanceScale,
    };
  }
  return tokenIds;
}
