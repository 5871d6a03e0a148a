import * as tf from '@tensorflow/tfjs';

/** Each op of `own`, and of `reference` while a gradient is recorded: kernels that have none. */
export function unlessTaped<Set extends object>(reference: Set, own: Set): Set {
  const entries = Object.entries(own).map(([name, op]) => {
    const taped = (reference as Record<string, unknown>)[name];
    return [name, (...args: unknown[]) => (tf.engine().isTapeOn() ? taped : op)(...args)];
  });
  return Object.fromEntries(entries) as Set;
}
