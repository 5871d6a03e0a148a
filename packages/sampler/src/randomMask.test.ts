import { ConfigError } from '@muse/backend';
import { describe, expect, it } from 'vitest';
import { randomMask } from './index.js';

const count = (mask: Uint8Array) => mask.reduce((sum, one) => sum + one, 0);

describe('randomMask', () => {
  it('masks the rounded share: none at 0, all at 1', () => {
    const eligible = new Uint8Array(77).fill(1);
    for (const share of [0, 0.001, 0.25, 0.5, 0.999, 1]) {
      expect(count(randomMask({ seed: 5, share, eligible }))).toBe(Math.round(77 * share));
    }
  });

  it('nests the masks of a seed, and another seed gives others', () => {
    const eligible = new Uint8Array(64).fill(1);
    const shares = Array.from({ length: 65 }, (_, i) => i / 64);
    const masks = shares.map((share) => randomMask({ seed: 9, share, eligible }));
    for (const [i, mask] of masks.slice(1).entries()) {
      masks[i]!.forEach((one, at) => {
        expect(mask[at]).toBeGreaterThanOrEqual(one);
      });
    }
    expect(randomMask({ seed: 10, share: 0.5, eligible })).not.toEqual(masks[32]);
  });

  it('masks only what may be masked', () => {
    const eligible = Uint8Array.from({ length: 50 }, (_, i) => (i % 3 === 0 ? 255 : 0));
    const mask = randomMask({ seed: 1, share: 0.5, eligible });
    expect(count(mask)).toBe(9);
    mask.forEach((one, i) => {
      if (one === 1) expect(i % 3).toBe(0);
    });
    expect(randomMask({ seed: 1, share: 1, eligible })).toEqual(eligible.map((one) => (one === 0 ? 0 : 1)));
  });

  it.each([-0.1, 1.1, Number.NaN])('refuses the share %s', (share) => {
    const call = () => randomMask({ seed: 1, share, eligible: new Uint8Array(3) });
    expect(call).toThrow(ConfigError);
    expect(call).toThrow(`expected a share in [0, 1], got ${share}`);
  });
});
