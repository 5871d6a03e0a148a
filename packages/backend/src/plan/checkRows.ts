import type * as tf from '@tensorflow/tfjs';
import { ShapeError } from '../errors.js';

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
