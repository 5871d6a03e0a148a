import type { Backend } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import type { Scalar, Tensor } from '@tensorflow/tfjs';

/**
 * Loss and gradients with respect to the named parameters, by reverse-mode differentiation.
 *
 * @param loss reads its parameters from the map when called and returns an f32 scalar
 * @returns both owned by the caller
 */
export function lossAndGradients(
  backend: Backend,
  parameters: Parameters,
  names: readonly string[],
  loss: () => Tensor,
): { loss: Scalar; gradients: Map<string, Tensor> } {
  const tensors = names.map((name) => parameters.get(name)!);
  const { value, grads } = backend.tf.valueAndGrads(() => loss() as Scalar)(tensors);
  return { loss: value as Scalar, gradients: new Map(names.map((name, i) => [name, grads[i]!])) };
}

/** √Σ g² over all gradients, f32 []. The caller disposes it. */
export function globalNorm(backend: Backend, gradients: Iterable<Tensor>): Scalar {
  const { tf } = backend;
  return tf.tidy(() => tf.sqrt(tf.sum(tf.stack([...gradients].map((g) => tf.sum(tf.square(g))))))) as Scalar;
}

/**
 * Factor that brings the global norm to at most `maxNorm`: min(1, maxNorm / (norm + 1e-6)), as
 * torch.nn.utils.clip_grad_norm_. The optimizers apply it for free (`StepContext.gradientScale`).
 */
export function clipScale(backend: Backend, norm: Scalar, maxNorm: number | null): Scalar {
  const { tf } = backend;
  return tf.tidy(() =>
    maxNorm === null ? tf.scalar(1) : tf.minimum(1, tf.div(maxNorm, tf.add(norm, 1e-6))),
  ) as Scalar;
}

/** Sums gradients of micro-batches into `total` (which it owns): total ← total + factor·gradients. Disposes `gradients`. */
export function accumulateGradients(
  backend: Backend,
  total: Map<string, Tensor>,
  gradients: ReadonlyMap<string, Tensor>,
  factor: number,
): void {
  const { tf } = backend;
  for (const [name, gradient] of gradients) {
    const old = total.get(name);
    const scaled = factor === 1 ? gradient : tf.mul(gradient, factor);
    total.set(name, old ? tf.add(old, scaled) : scaled);
    if (old) {
      old.dispose();
      scaled.dispose();
    }
    if (scaled !== gradient) gradient.dispose();
  }
}
