import { mostLikely } from './mostLikely.js';
import { drawsFromAll, type SamplingSettings } from './settings.js';

/** Logits of one position. */
export interface PositionLogits {
  readonly conditional: Float32Array;
  readonly unconditional?: Float32Array;
  /** Where the position's V values begin in both. */
  readonly offset: number;
  readonly guidanceScale: number;
}

/** (1 + t)·conditional − t·unconditional at f64, into `out` [V]. A token that the condition rules out (−∞) stays so. */
export function guideLogits(
  { conditional, unconditional, offset, guidanceScale: t }: PositionLogits,
  out: Float64Array,
): void {
  for (let v = 0; v < out.length; v++) {
    const c = conditional[offset + v]!;
    out[v] =
      unconditional === undefined || t === 0 || c === -Infinity ? c : (1 + t) * c - t * unconditional[offset + v]!;
  }
}

export interface SampledToken {
  readonly tokenId: number;
  /** Logarithm of its probability at temperature 1, before top-k and top-p. */
  readonly logProbability: number;
}

/**
 * A token from the guided logits of one position.
 *
 * @param logits f64 [V]; −∞ rules a token out
 * @param draw uniform in (0, 1); the token is where it falls in the cumulative distribution, so one number per position
 *   is enough
 * @param scratch f64 [V], overwritten
 * @returns undefined if no distribution can be made of the logits (NaN, +∞, or all −∞)
 */
export function sampleToken(
  logits: Float64Array,
  settings: Pick<SamplingSettings, 'sampleTemperature' | 'topK' | 'topP'>,
  draw: number,
  scratch: Float64Array,
): SampledToken | undefined {
  let mostLikelyId = 0;
  let isNumber = true;
  for (let v = 0; v < logits.length; v++) {
    const value = logits[v]!;
    if (Number.isNaN(value)) isNumber = false;
    if (value > logits[mostLikelyId]!) mostLikelyId = v;
  }
  const highest = logits[mostLikelyId]!;
  if (!isNumber || !Number.isFinite(highest)) return undefined;
  const { sampleTemperature } = settings;
  const logTotal = highest + Math.log(exponentials(logits, highest, 1, scratch));
  if (sampleTemperature !== 0 && sampleTemperature !== 1) exponentials(logits, highest, sampleTemperature, scratch);
  const tokenId = sampleTemperature === 0 ? mostLikelyId : drawToken(scratch, settings, draw);
  return { tokenId, logProbability: logits[tokenId]! - logTotal };
}

/** exp((logit − highest) / temperature) of each into `out`. @returns their sum */
function exponentials(logits: Float64Array, highest: number, temperature: number, out: Float64Array): number {
  let total = 0;
  for (let v = 0; v < logits.length; v++) {
    out[v] = Math.exp((logits[v]! - highest) / temperature);
    total += out[v]!;
  }
  return total;
}

/** @param weights unnormalised probabilities, f64 [V] */
function drawToken(weights: Float64Array, limits: Pick<SamplingSettings, 'topK' | 'topP'>, draw: number): number {
  const ids = drawsFromAll(limits) ? undefined : mostLikely(weights, limits);
  const count = ids?.length ?? weights.length;
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[ids?.[i] ?? i]!;
  const target = draw * total;
  let cumulative = 0;
  let last = 0;
  for (let i = 0; i < count; i++) {
    const id = ids?.[i] ?? i;
    if (weights[id] === 0) continue;
    cumulative += weights[id]!;
    last = id;
    if (cumulative > target) break;
  }
  return last;
}
