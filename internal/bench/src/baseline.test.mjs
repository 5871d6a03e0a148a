import { describe, expect, it } from 'vitest';
import { compareRatios, comparisonTable, isLoss, median, ratiosOf } from './baseline.mjs';

/** One figure in each run: the state that it gets. */
function stateOf(before, now) {
  const [row] = compareRatios({ gelu: { forward: before } }, { gelu: { forward: now } });
  return row.state;
}

describe('compareRatios', () => {
  it('keeps what noise moves: rounds that overlap', () => {
    expect(stateOf([1.2, 1.0, 1.6], [0.8, 0.7, 1.1])).toBe('kept'); // a third less, but 1.1 is above 1.0
  });

  it('keeps a loss of less than a quarter, however small the spread', () => {
    expect(stateOf([2.0, 2.01, 2.02], [1.52, 1.51, 1.53])).toBe('kept');
  });

  it('loses what is below every round of the baseline by more than a quarter', () => {
    expect(stateOf([2.0, 2.01, 2.02], [1.49, 1.5, 1.5])).toBe('lost');
    expect(stateOf([2.0, 1.9, 3.0, 2.1, 2.2], [1.0, 1.8, 1.1, 1.2, 0.4])).toBe('lost');
  });

  it('tells a product that is made five times from the noise of a busy machine, as measured there', () => {
    // `linear 256 → 1024` and the transformer layer on tensorflow, two cores with 18 processes: rounds of a baseline; least,
    // median and most of the same code again; and of code that made the product five times.
    const [linear, layer] = [
      [0.99, 0.814, 1.202, 1.029],
      [1.074, 0.563, 1.633, 68.55],
    ];
    expect([stateOf(linear, [0.72, 0.79, 1.45]), stateOf(linear, [0.03, 0.16, 0.31])]).toEqual(['kept', 'lost']);
    expect([stateOf(layer, [0.88, 1.09, 2.9]), stateOf(layer, [0.07, 0.29, 0.49])]).toEqual(['kept', 'lost']);
  });

  it('tells what was gained in the same way', () => {
    expect(stateOf([1.0, 1.1, 1.2], [2.0, 2.1, 1.3])).toBe('gained');
    expect(stateOf([1.0, 1.1, 1.2], [2.0, 2.1, 1.2])).toBe('kept');
  });

  it('fails what fails now in one round and did not before', () => {
    expect(stateOf([1.0, 1.1, 1.2], [1.1, 0, 1.2])).toBe('fails');
    expect(stateOf([0, 0, 0], [0, 0, 0])).toBe('kept');
  });

  it('counts figures that are not measured any more, and not those that stock tfjs fails at', () => {
    const before = { gelu: { forward: [1, 1, 1], gradient: [2, 2, 2] }, silu: { forward: [1, 1, 1] } };
    const rows = compareRatios(before, { gelu: { forward: [1, 1, 1] } });
    expect(rows.map(({ name, kind, state }) => [name, kind, state])).toEqual([
      ['gelu', 'forward', 'kept'],
      ['gelu', 'gradient', 'stock fails'],
      ['silu', 'forward', 'not measured'],
    ]);
    expect(rows.map(isLoss)).toEqual([false, false, true]);
  });

  it('has a smaller loss as its bound when asked', () => {
    const [before, now] = [{ gelu: { forward: [2, 2, 2] } }, { gelu: { forward: [1.7, 1.7, 1.7] } }];
    expect(compareRatios(before, now)[0].state).toBe('kept');
    expect(compareRatios(before, now, { minLoss: 0.1 })[0].state).toBe('lost');
  });
});

describe('ratiosOf', () => {
  it('divides the times of a round by each other, never those of two rounds', () => {
    const rounds = [
      { stock: { gelu: { forwardMs: 6, gradientMs: 10 } }, muse: { gelu: { forwardMs: 3, gradientMs: 4 } } },
      { stock: { gelu: { forwardMs: 60, gradientMs: 20 } }, muse: { gelu: { forwardMs: 40, gradientMs: 5 } } },
    ];
    expect(ratiosOf(rounds)).toEqual({ gelu: { forward: [2, 1.5], gradient: [2.5, 4] } });
  });

  it('gives 0 where ours fails and nothing where stock tfjs does', () => {
    const rounds = [
      {
        stock: { gelu: { forwardMs: 6, gradientError: 'none' } },
        muse: { gelu: { forwardError: 'lost', gradientMs: 4 } },
      },
    ];
    expect(ratiosOf(rounds)).toEqual({ gelu: { forward: [0] } });
  });
});

describe('the table', () => {
  it('has median, least and most of the rounds', () => {
    const rows = compareRatios({ gelu: { forward: [3, 1, 2] } }, { gelu: { forward: [0.5, 0.25, 0.75] } });
    expect(comparisonTable(rows).split('\n').at(-1)).toBe(
      '| gelu | forward | 2.00× (1.00–3.00) | 0.50× (0.25–0.75) | lost |',
    );
    expect(median([4, 1, 3, 2])).toBe(2);
  });
});
