import { type Backend, ConfigError } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';
import type { Optimizer, Slots, StepContext, StepScalars } from './optimizer.js';

export interface AdamOptions {
  /** Decay rates of the first and second moment, in [0, 1). Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** Adam: L2 term on the gradient. AdamW: decoupled, on matrices and kernels only. Default 0. */
  readonly weightDecay?: number;
}

/** Adam, Kingma & Ba 2015, arXiv 1412.6980, with torch.optim.Adam's L2 form of weight decay. */
export function adam(options: AdamOptions = {}): Optimizer {
  return adamFamily('adam', options);
}

/**
 * AdamW, Loshchilov & Hutter 2019, arXiv 1711.05101: p ← p·(1 − lr·λ), then Adam's step without decay.
 * Only tensors of rank 2 and more decay: shrinking norm scales and biases has no use.
 */
export function adamW(options: AdamOptions = {}): Optimizer {
  return adamFamily('adamW', options);
}

function adamFamily(name: 'adam' | 'adamW', options: AdamOptions): Optimizer {
  const { betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  if (![beta1, beta2].every((beta) => beta >= 0 && beta < 1) || !(epsilon > 0) || !(weightDecay >= 0)) {
    const got = `betas [${beta1}, ${beta2}], epsilon ${epsilon}, weightDecay ${weightDecay}`;
    throw new ConfigError(
      { package: 'trainer', in: name },
      `expected betas in [0, 1), epsilon > 0, weightDecay ≥ 0, got ${got}`,
    );
  }
  const isDecoupled = name === 'adamW';

  return {
    name,
    slots: (shape) => ({ exp_avg: shape, exp_avg_sq: shape }),
    /*
     * p ← p − (lr/c₁)·m / (√v/√c₂ + ε), with cᵢ = 1 − βᵢᵗ, is p − (lr·√c₂/c₁)·m / (√v + ε·√c₂): one op less for each
     * tensor. The gradient's scale (clipping) goes into the moments' factors for the same reason.
     */
    scalars({ tf }: Backend, { step, learningRate, gradientScale }: StepContext): StepScalars {
      const correction1 = 1 - beta1 ** step;
      const correction2 = Math.sqrt(1 - beta2 ** step);
      return {
        beta1: tf.scalar(beta1),
        beta2: tf.scalar(beta2),
        gradient1: tf.mul(gradientScale, 1 - beta1),
        gradient2: tf.mul(tf.square(gradientScale), 1 - beta2),
        gradientScale: tf.clone(gradientScale),
        one: tf.scalar(1 - beta1),
        two: tf.scalar(1 - beta2),
        stepSize: tf.scalar((learningRate * correction2) / correction1),
        epsilon: tf.scalar(epsilon * correction2),
        keep: tf.scalar(1 - learningRate * weightDecay),
        l2: tf.scalar(weightDecay),
      };
    },
    update(parameter: Tensor, gradient: Tensor, slots: Slots, s: StepScalars) {
      const hasL2 = !isDecoupled && weightDecay > 0;
      // With an L2 term the gradient has to be scaled before it is added, so the factors lose their scale.
      const g = hasL2 ? gradient.mul(s.gradientScale!).add(parameter.mul(s.l2!)) : gradient;
      const m = slots.exp_avg!.mul(s.beta1!).add(g.mul(s[hasL2 ? 'one' : 'gradient1']!));
      const v = slots.exp_avg_sq!.mul(s.beta2!).add(g.square().mul(s[hasL2 ? 'two' : 'gradient2']!));
      const change = m.div(v.sqrt().add(s.epsilon!)).mul(s.stepSize!);
      const decays = isDecoupled && weightDecay > 0 && parameter.rank >= 2;
      const kept = decays ? parameter.mul(s.keep!) : parameter;
      return { parameter: kept.sub(change), slots: { exp_avg: m, exp_avg_sq: v } };
    },
  };
}
