import { promisify } from 'node:util';
import { describeBackends } from '@muse/test-utils';
import type { Tensor2D } from '@tensorflow/tfjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { pollCalmly } from './pollCalmly.js';

describe('a calm setImmediate', () => {
  /** Native, without a name or parameters, as an addon's functions are. */
  const native = Function.prototype as unknown as () => void;
  const original = vi.fn();
  const scope = { setImmediate: original as unknown as typeof setImmediate };
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['performance', 'setTimeout'] });
    original.mockReset();
    scope.setImmediate = Object.assign(original, { [promisify.custom]: () => 7 }) as never;
    pollCalmly(scope);
  });
  afterEach(() => vi.useRealTimers());

  it('has an addon called each millisecond once it has waited for two, until it pauses', () => {
    const numAtOnce = (ms: number) => {
      vi.advanceTimersByTime(ms);
      original.mockClear();
      scope.setImmediate(native);
      return original.mock.calls.length;
    };
    expect([0, 1, 0.5].map(numAtOnce)).toEqual([1, 1, 1]);
    expect([1, 1, 9].map(numAtOnce)).toEqual([0, 0, 0]);
    expect(vi.getTimerCount()).toBe(1); // the last; the others came to their turn
    expect(numAtOnce(11)).toBe(1);
  });

  it('leaves all other functions alone', async () => {
    scope.setImmediate(native);
    vi.advanceTimersByTime(5);
    const own = () => {};
    const bound = own.bind(undefined);
    let resolved: (value: unknown) => void = own;
    void new Promise((resolve) => {
      resolved = resolve;
    });
    original.mockClear();
    for (const callback of [own, bound, resolved as () => void]) scope.setImmediate(callback);
    scope.setImmediate(native as never, 3);
    expect(original.mock.calls).toEqual([[own], [bound], [resolved], [native, 3]]);
    expect((scope.setImmediate as unknown as Record<symbol, () => number>)[promisify.custom]!()).toBe(7);
  });

  it('takes its place once', () => {
    const calm = scope.setImmediate;
    pollCalmly(scope);
    expect(scope.setImmediate).toBe(calm);
  });
});

describeBackends(
  'waiting for the GPU',
  (backend) => {
    it('looks once a millisecond, not in each turn of the event loop', async () => {
      const { tf, ops } = backend();
      const calm = globalThis.setImmediate;
      const counted = vi.fn(calm);
      globalThis.setImmediate = counted as never;
      const x = tf.randomNormal([512, 512]) as Tensor2D;
      const startMs = performance.now();
      try {
        let y = x;
        for (let i = 0; i < 6; i++) y = ops.linear(y, x) as Tensor2D;
        await y.data();
      } finally {
        globalThis.setImmediate = calm;
      }
      // Some hundreds of looks in the first two milliseconds of a wait; without end they would be a hundred each.
      expect(counted.mock.calls.length).toBeLessThan(2000 + performance.now() - startMs);
      expect(counted).toHaveBeenCalled();
    });
  },
  { devices: ['webgpu'] },
);
