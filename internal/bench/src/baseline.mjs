// The baseline of `pnpm bench --compare`: how many times as fast as stock tfjs each op was, round by round. Times of two runs
// are not compared, as the machine may have been busy in one of them; ratios inside a run are.
import { table } from './tables.mjs';

/** A ratio that fell by less is no loss, whatever the rounds say: the noise of a shared machine. */
export const MIN_LOSS = 0.25;
/** With fewer rounds their spread says nothing. */
export const MIN_ROUNDS = 3;

const kinds = ['forward', 'gradient'];

/**
 * @typedef {Record<string, { forward?: number[], gradient?: number[] }>} Ratios of each op, stock / ours, one a round; 0 where
 * ours failed, none where stock tfjs did
 */

/**
 * @param {{ stock: object, muse: object }[]} rounds results of runOps.mjs by the ops' names
 * @returns {Ratios}
 */
export function ratiosOf(rounds) {
  const names = [...new Set(rounds.flatMap(({ muse }) => Object.keys(muse)))];
  return Object.fromEntries(
    names.map((name) => {
      const ofKinds = kinds.map((kind) => [kind, rounds.flatMap((round) => ratioOf(round, name, `${kind}Ms`))]);
      return [name, Object.fromEntries(ofKinds.filter(([, ratios]) => ratios.length > 0))];
    }),
  );
}

/** @returns {number[]} one ratio, or none */
function ratioOf({ stock, muse }, name, key) {
  const [theirMs, ourMs] = [stock[name]?.[key], muse[name]?.[key]];
  if (theirMs === undefined) return [];
  return [ourMs === undefined ? 0 : theirMs / ourMs];
}

/**
 * Each figure of the baseline beside the run's. It is lost when the median fell by more than `minLoss` and the rounds do not
 * overlap: the best now is below the worst then. Or when ours fails now, or is not measured any more.
 *
 * @param {Ratios} before @param {Ratios} now
 * @returns {{ name: string, kind: string, before: number[], now: number[], state: 'kept' | 'gained' | 'lost' | 'fails' |
 * 'not measured' | 'stock fails' }[]}
 */
export function compareRatios(before, now, { minLoss = MIN_LOSS } = {}) {
  return Object.entries(before).flatMap(([name, ratiosOfOp]) =>
    kinds
      .filter((kind) => ratiosOfOp[kind])
      .map((kind) => {
        const [then, since] = [ratiosOfOp[kind], now[name]?.[kind] ?? []];
        return { name, kind, before: then, now: since, state: stateOf(then, since, name in now, minLoss) };
      }),
  );
}

function stateOf(before, now, isMeasured, minLoss) {
  if (now.length === 0) return isMeasured ? 'stock fails' : 'not measured';
  if (now.includes(0) && !before.includes(0)) return 'fails';
  const kept = 1 - minLoss;
  if (median(now) < kept * median(before) && Math.max(...now) < Math.min(...before)) return 'lost';
  if (median(before) < kept * median(now) && Math.max(...before) < Math.min(...now)) return 'gained';
  return 'kept';
}

/** Whether a row of `compareRatios` makes the run fail. */
export const isLoss = ({ state }) => ['lost', 'fails', 'not measured'].includes(state);

/** Rows of `compareRatios` as a table in Markdown. */
export function comparisonTable(rows) {
  return table(
    ['op', '', 'baseline (rounds)', 'now (rounds)', ''],
    rows.map(({ name, kind, before, now, state }) => [name, kind, spread(before), spread(now), state]),
  );
}

function spread(ratios) {
  if (ratios.length === 0) return '–';
  const [least, middle, most] = [Math.min(...ratios), median(ratios), Math.max(...ratios)].map((x) => x.toFixed(2));
  return `${middle}× (${least}–${most})`;
}

/** Of an even number, the lower of the two in the middle. @param {number[]} values */
export function median(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1];
}
