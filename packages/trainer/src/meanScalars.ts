import type { Backend } from '@muse/backend';
import type { Scalar } from '@tensorflow/tfjs';

/** Numbers of a step: on the device as they come, or on the host. */
export type StepScalars = Record<string, Scalar | number>;

/** Means of the micro-batches' numbers, by name. Disposes what it is given; the caller owns the result. */
export function meanScalars({ tf }: Backend, parts: readonly StepScalars[]): StepScalars {
  const means: StepScalars = {};
  for (const name of Object.keys(parts[0] ?? {})) {
    const values = parts.map((part) => part[name]!);
    if (values.length === 1) means[name] = values[0]!;
    else if (values.every((value) => typeof value === 'number')) {
      means[name] = values.reduce((sum, value) => sum + value, 0) / values.length;
    } else {
      means[name] = tf.tidy(() =>
        tf.mean(tf.stack(values.map((value) => (typeof value === 'number' ? tf.scalar(value) : value)))),
      ) as Scalar;
      tf.dispose(values.filter((value) => typeof value !== 'number'));
    }
  }
  return means;
}
