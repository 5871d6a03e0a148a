import * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';
import { runTidy } from './eagerPlan.js';
import type { TensorFunction } from './plan.js';

/** @throws ShapeError for inputs without a row, or of different numbers */
export function checkRows(inputs: readonly tf.Tensor[]): void {
  const numRows = inputs[0]?.shape[0] ?? 0;
  if (numRows > 0 && inputs.every(({ shape }) => shape[0] === numRows)) return;
  const got = inputs.map(({ shape }) => `[${shape.join(', ')}]`).join(' and ');
  throw new ShapeError(
    { package: 'backend', in: 'capture' },
    `expected inputs of the same number of rows, at least 1, for areRowsApart, got ${got || 'none'}`,
  );
}

/** The function of each row of its inputs, and the results one below the other. */
export function rowByRow(fn: TensorFunction): TensorFunction {
  return (...inputs) => {
    const numRows = inputs[0]!.shape[0]!;
    if (numRows === 1) return fn(...inputs);
    const rows = inputs.map((input) => tf.split(input, numRows));
    const results = Array.from({ length: numRows }, (_, row) => runTidy(() => fn(...rows.map((list) => list[row]!))));
    return results[0]!.map((_, i) => tf.concat(results.map((list) => list[i]!)));
  };
}
