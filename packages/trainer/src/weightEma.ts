import type { Backend } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';

/** A copy of the parameters to average into. The caller disposes it. */
export function initWeightEma(backend: Backend, parameters: Parameters, names: Iterable<string>): Parameters {
  const ema: Parameters = new Map();
  for (const name of names) {
    const tensor = parameters.get(name)!;
    // Not a clone: a clone shares its data with the parameter, which is replaced, but a copy is as cheap and plainer.
    ema.set(
      name,
      backend.tf.tidy(() => backend.tf.add(tensor, 0)),
    );
  }
  return ema;
}

/**
 * Decay of a step: min(decay, (1 + step) / (10 + step)), so that the random start weighs little early on (as
 * tf.train.ExponentialMovingAverage).
 */
export function emaDecayAt(decay: number, step: number): number {
  return Math.min(decay, (1 + step) / (10 + step));
}

/** ema ← ema + (1 − decay)·(parameter − ema), in place: disposes the tensors that it replaces. */
export function updateWeightEma(backend: Backend, ema: Parameters, parameters: Parameters, decay: number): void {
  const { tf } = backend;
  const rate = tf.scalar(1 - decay);
  for (const [name, old] of ema) {
    const next = tf.tidy(() => tf.add(old, tf.mul(tf.sub(parameters.get(name)!, old), rate)));
    ema.set(name, next);
    old.dispose();
  }
  rate.dispose();
}
