import { type Backend, ConfigError } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';
import type { Optimizer, Slots, StepContext, StepScalars } from './optimizer.js';

export interface AdafactorOptions {
  /** First moment, in [0, 1); null keeps none (half the state). Muse: 0.9. Default null. */
  readonly beta1?: number | null;
  /** Second moment: a constant (Muse: 0.96), or null for the schedule 1 − t^−0.8. Default null. */
  readonly beta2?: number | null;
  /** Added to the squared gradient. Default 1e-30. */
  readonly epsilon?: number;
  /** Largest root mean square of an update before the learning rate. Default 1. */
  readonly clipThreshold?: number;
  /** Multiply the learning rate by max(1e-3, RMS(parameter)). Default false. */
  readonly scalesByParameter?: boolean;
  /** Decoupled, p ← p·(1 − lr·λ), on matrices and kernels only. Default 0. */
  readonly weightDecay?: number;
}

/** Least root mean square that a parameter counts with (ε₂ of the paper). */
const LEAST_PARAMETER_RMS = 1e-3;

/**
 * Adafactor, Shazeer & Stern 2018, arXiv 1804.04235, algorithms 4 and 5: the second moment of a matrix is kept as its
 * row and column means, V ≈ r·cᵀ / mean(r). Tensors of rank 3 and more are factored over their last two axes.
 */
export function adafactor(options: AdafactorOptions = {}): Optimizer {
  const {
    beta1 = null,
    beta2 = null,
    epsilon = 1e-30,
    clipThreshold = 1,
    scalesByParameter = false,
    weightDecay = 0,
  } = options;
  const isRate = (beta: number | null) => beta === null || (beta >= 0 && beta < 1);
  if (!isRate(beta1) || !isRate(beta2) || !(epsilon > 0) || !(clipThreshold > 0) || !(weightDecay >= 0)) {
    throw new ConfigError(
      { package: 'trainer', in: 'adafactor' },
      `expected betas in [0, 1) or null, epsilon and clipThreshold > 0, weightDecay ≥ 0, got ${JSON.stringify(options)}`,
    );
  }

  return {
    name: 'adafactor',
    slots(shape) {
      const moments: Record<string, readonly number[]> =
        shape.length < 2
          ? { exp_avg_sq: shape }
          : {
              exp_avg_sq_row: shape.slice(0, -1),
              exp_avg_sq_col: [...shape.slice(0, -2), shape[shape.length - 1]!],
            };
      return beta1 === null ? moments : { ...moments, exp_avg: shape };
    },
    scalars({ tf }: Backend, { step, learningRate, gradientScale }: StepContext): StepScalars {
      const decay = beta2 ?? 1 - step ** -0.8;
      return {
        gradientScale: tf.clone(gradientScale),
        beta1: tf.scalar(beta1 ?? 0),
        one: tf.scalar(1 - (beta1 ?? 0)),
        decay: tf.scalar(decay),
        fresh: tf.scalar(1 - decay),
        learningRate: tf.scalar(learningRate),
        keep: tf.scalar(1 - learningRate * weightDecay),
        epsilon: tf.scalar(epsilon),
        inverseThreshold: tf.scalar(1 / clipThreshold),
        unit: tf.scalar(1),
        leastRms: tf.scalar(LEAST_PARAMETER_RMS),
      };
    },
    update(parameter: Tensor, rawGradient: Tensor, slots: Slots, s: StepScalars) {
      const gradient = rawGradient.mul(s.gradientScale!);
      const square = gradient.square().add(s.epsilon!);
      const average = (old: Tensor, value: Tensor) => old.mul(s.decay!).add(value.mul(s.fresh!));
      const next: Record<string, Tensor> = {};
      let update: Tensor;
      if (parameter.rank < 2) {
        next.exp_avg_sq = average(slots.exp_avg_sq!, square);
        update = gradient.mul(next.exp_avg_sq.rsqrt());
      } else {
        const row = average(slots.exp_avg_sq_row!, square.mean(-1)); // f32 [..., R]
        const column = average(slots.exp_avg_sq_col!, square.mean(-2)); // f32 [..., C]
        next.exp_avg_sq_row = row;
        next.exp_avg_sq_col = column;
        const rowFactor = row.div(row.mean(-1, true)).rsqrt().expandDims(-1); // f32 [..., R, 1]
        update = gradient.mul(rowFactor).mul(column.rsqrt().expandDims(-2));
      }
      const rms = update.square().mean().sqrt();
      let rate: Tensor = s.learningRate!.div(rms.mul(s.inverseThreshold!).maximum(s.unit!));
      if (scalesByParameter) rate = rate.mul(parameter.square().mean().sqrt().maximum(s.leastRms!));
      update = update.mul(rate);
      if (beta1 !== null) {
        update = slots.exp_avg!.mul(s.beta1!).add(update.mul(s.one!));
        next.exp_avg = update;
      }
      const kept = weightDecay > 0 && parameter.rank >= 2 ? parameter.mul(s.keep!) : parameter;
      return { parameter: kept.sub(update), slots: next };
    },
  };
}
