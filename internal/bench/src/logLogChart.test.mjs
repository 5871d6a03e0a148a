import { describe, expect, it } from 'vitest';
import { logLogChart } from './logLogChart.mjs';

const chartOf = (points, name = 'a') =>
  logLogChart({
    title: 'Cost',
    note: '',
    xLabel: 'x',
    panels: [{ yLabel: 'ms', series: [{ name, points, kind: 'dot' }] }],
  });
/** Centres of the points; the legend stands above them. */
const centres = (svg) =>
  [...svg.matchAll(/<circle class="dot" cx="([\d.-]+)" cy="([\d.-]+)"/g)]
    .map(([, x, y]) => [Number(x), Number(y)])
    .filter(([, y]) => y >= 0);

describe('logLogChart', () => {
  it('puts equal factors at equal distances, greater values further right and up', () => {
    const [a, b, c] = centres(
      chartOf([
        [1, 100],
        [10, 1000],
        [100, 10_000],
      ]),
    );
    expect(b[0] - a[0]).toBeCloseTo(c[0] - b[0], 0);
    expect(a[1] - b[1]).toBeCloseTo(b[1] - c[1], 0);
    expect(b[0]).toBeGreaterThan(a[0]);
    expect(b[1]).toBeLessThan(a[1]);
  });

  it('does not stretch what hardly differs', () => {
    const [a, b] = centres(
      chartOf([
        [1, 100],
        [10, 102],
      ]),
    );
    expect(a[1] - b[1]).toBeLessThan(5);
  });

  it('escapes names', () => {
    expect(chartOf([[1, 1]], 'a < b & c')).toContain('a &#60; b &#38; c');
  });
});
