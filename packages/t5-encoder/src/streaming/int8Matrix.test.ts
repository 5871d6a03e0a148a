import { normal } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { dequantize, quantizeRows } from './int8Matrix.js';

const empty = (numRows: number, width: number) => ({
  values: new Int8Array(numRows * width),
  scales: new Float32Array(numRows),
});

describe('8 bits per weight', () => {
  it('gives each row its own scale: the largest magnitude is 127', () => {
    const matrix = empty(3, 4);
    quantizeRows(Float32Array.of(1.01, -2, 0.5, 0, 100, 51, -25.4, 0), 4, matrix, 0);
    quantizeRows(new Float32Array(4), 4, matrix, 2);
    // 2/127 and 100/127: 1.01 is 64.1 steps, 0.5 31.75; 51 is 64.8, 25.4 32.3.
    expect([...matrix.values]).toEqual([64, -127, 32, 0, 127, 65, -32, 0, 0, 0, 0, 0]);
    expect([...matrix.scales]).toEqual([Math.fround(2 / 127), Math.fround(100 / 127), 1]);
    expect([...dequantize(matrix)].map((value) => Number(value.toFixed(3)))).toEqual([
      ...[1.008, -2, 0.504, 0, 100, 51.181, -25.197, 0],
      ...[0, 0, 0, 0],
    ]);
  });

  it('is never off by more than half a step of the row', () => {
    const [numRows, width] = [31, 257];
    const rows = normal({ seed: 5, stage: 0, step: 0 }, numRows * width);
    const matrix = empty(numRows, width);
    quantizeRows(Float32Array.from(rows), width, matrix, 0);
    const back = dequantize(matrix);
    for (let i = 0; i < back.length; i++) {
      const step = matrix.scales[Math.floor(i / width)]!;
      expect(Math.abs(back[i]! - rows[i]!)).toBeLessThanOrEqual(step / 2 + 1e-6);
    }
  });
});
