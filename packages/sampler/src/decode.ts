import { choiceNoise, confidenceWeight } from './choice.js';
import { decodeOnDevice, decodeTokensOnDevice, isDecodedByNetwork } from './decodeOnDevice.js';
import { type DecodeOptions, type ResolvedDecodeOptions, resolveDecodeOptions } from './decodeOptions.js';
import { guidanceScaleAt } from './guidance.js';
import { numMaskedAfter } from './maskSchedule.js';
import type { Candidates } from './sampleCandidates.js';
import { sampleStep } from './sampleStep.js';

/** One step of a decode. The arrays are the receiver's own. */
export interface DecodeStep {
  /** k in 1 … numSteps; the first is startStep + 1. */
  readonly step: number;
  readonly numSteps: number;
  /** i32 [B·S] after this step; masked positions hold the mask token. */
  readonly tokenIds: Int32Array;
  /** i32 [B·S]: `tokenIds` with each masked position filled with what was last sampled for it, to look at on the way. */
  readonly candidates: Int32Array;
  /** 1 where this step decided a token, u8 [B·S]. */
  readonly decided: Uint8Array;
  /** Probability (temperature 1, guided logits) that each candidate had when it was sampled, f32 [B·S]; 1 where given. */
  readonly confidence: Float32Array;
  /** Positions still masked, per image. */
  readonly numMasked: readonly number[];
  /** t of this step. */
  readonly guidanceScale: number;
}

const place = { package: 'sampler', in: 'decode' };

/**
 * Parallel decoding of masked tokens (Chang et al. 2022, MaskGIT, section 3.2; Chang et al. 2023, Muse, section 2.8).
 * Each step samples a token for every masked position from (1 + t)·conditional − t·unconditional, decides some of them
 * and leaves exactly ⌊n₀·γ(k/N)⌋ masked, n₀ those masked at the start. Known tokens never change; none is masked at the
 * end. With order `confidence` the tokens of the highest log-probability + choice temperature · Gumbel noise are
 * decided, of equal ones at f32 the first; with `halton` the next of the Halton sequence.
 *
 * Random numbers depend on (seed, stage, step, position) alone: an image's tokens do not depend on its batch.
 * If nothing is masked, there is no step and the network is not asked; nor is it in a step that decides nothing.
 *
 * Deviations from MaskGIT: no clamp of the mask to at least one token, ties never unmask more than asked.
 *
 * @returns the steps; the generator's return value is the token ids at the end, i32 [B·S]
 * @throws ConfigError at once for an option out of its range
 * @throws ShapeError while iterating, if the logits have another size than B·S·V
 * @throws MuseError while iterating, if logits of a position are NaN or infinite
 * @throws the signal's reason (an AbortError) while iterating, before and after each call of the network
 */
export function decode(options: DecodeOptions): AsyncGenerator<DecodeStep, Int32Array, void> {
  const resolved = resolveDecodeOptions(options);
  return isDecodedByNetwork(resolved) ? decodeOnDevice(resolved) : run(resolved);
}

/**
 * Decodes to the end. A network that decides by itself gets all steps before anything is read.
 *
 * @returns i32 [B·S]; throws what `decode` throws
 */
export async function decodeTokens(options: DecodeOptions): Promise<Int32Array> {
  const resolved = resolveDecodeOptions(options);
  if (isDecodedByNetwork(resolved)) return decodeTokensOnDevice(resolved);
  const steps = run(resolved);
  for (;;) {
    const { done, value } = await steps.next();
    if (done) return value;
  }
}

/** What moves while decoding. */
interface State extends Candidates {
  readonly tokenIds: Int32Array;
}

async function* run(options: ResolvedDecodeOptions): AsyncGenerator<DecodeStep, Int32Array, void> {
  const { settings, seeds, grid, maskTokenId, startStep, signal } = options;
  const { numSteps, maskSchedule } = settings;
  const seqLen = grid[0] * grid[1];
  const tokenIds = options.tokenIds.slice();
  const state: State = {
    tokenIds,
    candidates: tokenIds.slice(),
    confidence: Float32Array.from(tokenIds, (id) => (id === maskTokenId ? 0 : 1)),
    logProbability: new Float64Array(tokenIds.length),
  };
  const masked = seeds.map((_, b) => maskedPositions(tokenIds.subarray(b * seqLen, (b + 1) * seqLen), maskTokenId));
  const numAtStart = masked.map((positions) => (startStep > 0 ? seqLen : positions.length));
  const noiseOf = choiceNoise(options);
  const weight = confidenceWeight(settings);
  signal?.throwIfAborted();
  if (masked.every((positions) => positions.length === 0)) return tokenIds;

  for (let step = startStep + 1; step <= numSteps; step++) {
    const numLeft = numAtStart.map((n) => numMaskedAfter(maskSchedule, n, step, numSteps));
    const guidanceScale = guidanceScaleAt(settings, step, numSteps);
    const decided = new Uint8Array(tokenIds.length);
    if (masked.some((positions, b) => positions.length > numLeft[b]!)) {
      await sampleStep({ options, state, tokenIds, positions: masked, step, guidanceScale, use: 'token' }, place);
      masked.forEach((positions, b) => {
        const noise = noiseOf(b, step);
        const score = (position: number) =>
          Math.fround(Math.fround(state.logProbability[b * seqLen + position]!) * weight + noise[position]!);
        const order = byScore(positions, score);
        const numDecided = Math.max(0, positions.length - numLeft[b]!);
        for (const position of order.slice(0, numDecided)) {
          const at = b * seqLen + position;
          tokenIds[at] = state.candidates[at]!;
          decided[at] = 1;
        }
        masked[b] = order.slice(numDecided).sort((p, q) => p - q);
      });
    }
    yield {
      step,
      numSteps,
      tokenIds: tokenIds.slice(),
      candidates: state.candidates.slice(),
      decided,
      confidence: state.confidence.slice(),
      numMasked: masked.map((positions) => positions.length),
      guidanceScale,
    };
  }
  return tokenIds;
}

/** Positions by falling score, of equal ones the first. */
function byScore(positions: readonly number[], score: (position: number) => number): number[] {
  const scores = new Map(positions.map((position) => [position, score(position)]));
  return [...positions].sort((p, q) => scores.get(q)! - scores.get(p)! || p - q);
}

function maskedPositions(tokenIds: Int32Array, maskTokenId: number): number[] {
  return Array.from(tokenIds.keys()).filter((position) => tokenIds[position] === maskTokenId);
}
