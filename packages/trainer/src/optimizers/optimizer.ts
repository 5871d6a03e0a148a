import { type Backend, ConfigError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import type { Scalar, Tensor } from '@tensorflow/tfjs';

/** Scalars on the device that every tensor of one step shares: made once, not once per tensor. */
export type StepScalars = Readonly<Record<string, Scalar>>;

/** State of one parameter, by slot (`exp_avg`, `exp_avg_sq`, …). */
export type Slots = Readonly<Record<string, Tensor>>;

/** What a step depends on beside the tensors. */
export interface StepContext {
  /** Counted from 1. */
  readonly step: number;
  readonly learningRate: number;
  /** f32 []: factor on the gradients (clipping, the mean over accumulated micro-batches). */
  readonly gradientScale: Scalar;
}

/**
 * An update rule, pure in each tensor: old tensors in, new tensors out, nothing disposed.
 * `updateParameters` applies it to a model.
 */
export interface Optimizer {
  readonly name: string;
  /** Shapes of the state tensors of a parameter; all start at zero. */
  slots(shape: readonly number[]): Readonly<Record<string, readonly number[]>>;
  /** Called inside a tidy. */
  scalars(backend: Backend, context: StepContext): StepScalars;
  /** Called inside a tidy. */
  update(parameter: Tensor, gradient: Tensor, slots: Slots, scalars: StepScalars): { parameter: Tensor; slots: Slots };
}

/** State tensors by `slot/parameter`; names are those of torch.optim. */
export type OptimizerState = Map<string, Tensor>;

/** Zero state for the named parameters. The caller disposes it (`disposeTensors`). */
export function initOptimizerState(
  backend: Backend,
  optimizer: Optimizer,
  parameters: Parameters,
  names: readonly string[],
): OptimizerState {
  const state: OptimizerState = new Map();
  for (const name of names) {
    const slots = optimizer.slots(tensorOf(parameters, name).shape);
    for (const [slot, shape] of Object.entries(slots)) state.set(`${slot}/${name}`, backend.tf.zeros([...shape]));
  }
  return state;
}

/**
 * One optimizer step: replaces the tensors of `parameters` and `state` in place, one parameter at a time, so that no
 * second copy of the model is ever held. Disposes what it replaces, not the gradients.
 *
 * @param gradients by parameter name; these parameters are updated, the others stay
 */
export function updateParameters(
  backend: Backend,
  optimizer: Optimizer,
  parameters: Parameters,
  gradients: ReadonlyMap<string, Tensor>,
  state: OptimizerState,
  context: StepContext,
): void {
  const { tf } = backend;
  const scalars = tf.tidy(() => optimizer.scalars(backend, context) as Record<string, Scalar>);
  for (const [name, gradient] of gradients) {
    const old = tensorOf(parameters, name);
    const slots: Record<string, Tensor> = {};
    for (const slot of Object.keys(optimizer.slots(old.shape))) slots[slot] = tensorOf(state, `${slot}/${name}`);
    const next = tf.tidy(() => {
      const { parameter, slots: nextSlots } = optimizer.update(old, gradient, slots, scalars);
      return { parameter, ...nextSlots };
    }) as Record<string, Tensor>;
    parameters.set(name, next.parameter!);
    old.dispose();
    for (const [slot, tensor] of Object.entries(slots)) {
      state.set(`${slot}/${name}`, next[slot]!);
      tensor.dispose();
    }
  }
  tf.dispose(Object.values(scalars));
}

export function disposeTensors(tensors: ReadonlyMap<string, Tensor>): void {
  for (const tensor of tensors.values()) tensor.dispose();
}

function tensorOf(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (!tensor)
    throw new ConfigError({ package: 'trainer', in: 'updateParameters' }, `expected a tensor ${name}, got none`);
  return tensor;
}
