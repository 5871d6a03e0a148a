import { describe, expect, it } from 'vitest';
import { psnrOf } from './psnr.js';

describe('psnrOf', () => {
  it('is 20 dB for a root mean squared error of a tenth', () => {
    expect(psnrOf(0.01)).toBeCloseTo(20, 10);
    expect(psnrOf(0)).toBe(100);
  });
});
