import type * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { runTidy } from './eagerPlan.js';
import type { TensorFunction } from './plan.js';

/** What each of so many calls takes of the inputs. @throws ShapeError unless all take inputs of the same shapes and dtypes */
export function inputsOfCalls(inputs: readonly tf.Tensor[], numCalls: number): tf.Tensor[][] {
  const size = Math.ceil(inputs.length / numCalls);
  const isCount = Number.isSafeInteger(numCalls) && numCalls > 0;
  const calls = isCount
    ? Array.from({ length: numCalls }, (_, call) => inputs.slice(call * size, (call + 1) * size))
    : [];
  const described = calls.map((own) => own.map(({ dtype, shape }) => `${dtype} [${shape.join(', ')}]`).join(' and '));
  if (calls.length > 0 && described.every((one) => one === described[0])) return calls;
  throw new ShapeError(
    { package: 'backend', in: 'capture' },
    `expected inputs of the same shapes and dtypes for each of ${numCalls} calls, got ${described.join('; ') || 'none'}`,
  );
}

/** The function called so often, each time with the next inputs. */
export function inCalls(fn: TensorFunction, numCalls: number): TensorFunction {
  if (numCalls === 1) return fn;
  return (...inputs) => inputsOfCalls(inputs, numCalls).flatMap((own) => runTidy(() => fn(...own)));
}
