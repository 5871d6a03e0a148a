import type { SceneReading } from '../classifier/reading.js';
import { type Proportion, proportion } from '../proportion.js';

/** One picture. */
export interface Answer {
  readonly prompt: string;
  readonly seed: number;
  readonly expected: SceneReading;
  readonly got: SceneReading;
}

/** Shares of pictures that show what was asked. */
export interface SuiteScores {
  /** One emoji. */
  readonly single: {
    readonly name: Proportion;
    readonly style: Proportion;
    readonly background: Proportion;
    /** All of these, and one emoji only. */
    readonly all: Proportion;
  };
  /** Two to four of one emoji. */
  readonly count: {
    /** As many as were asked for, of whatever it is. */
    readonly count: Proportion;
    readonly name: Proportion;
    /** As many as were asked for, of what was asked for. */
    readonly countAndName: Proportion;
    readonly style: Proportion;
    readonly background: Proportion;
  };
  /** Two emoji and how they stand. */
  readonly pair: {
    /** Both names, each in its place. */
    readonly relation: Proportion;
    /** Two, side by side or one above the other as asked, whatever and whichever way round they are. */
    readonly layout: Proportion;
    /** Both names, whichever way round. */
    readonly names: Proportion;
    readonly style: Proportion;
    readonly background: Proportion;
  };
}

type Test = (expected: SceneReading, got: SceneReading) => boolean;

const same =
  (...keys: (keyof SceneReading)[]): Test =>
  (expected, got) =>
    keys.every((key) => expected[key] === got[key]);

const namesOf = ({ nameA, nameB }: SceneReading) => [nameA, nameB].sort().join();

/** Scores of answers of all kinds. */
export function suiteScores(answers: readonly Answer[]): SuiteScores {
  const shareOf = (kind: SceneReading['kind'], test: Test) =>
    proportion(
      answers.filter(({ expected }) => expected.kind === kind).map(({ expected, got }) => test(expected, got)),
    );
  return {
    single: {
      name: shareOf('single', same('nameA')),
      style: shareOf('single', same('style')),
      background: shareOf('single', same('background')),
      all: shareOf('single', same('kind', 'nameA', 'style', 'background')),
    },
    count: {
      count: shareOf('count', same('kind', 'count')),
      name: shareOf('count', same('nameA')),
      countAndName: shareOf('count', same('kind', 'count', 'nameA')),
      style: shareOf('count', same('style')),
      background: shareOf('count', same('background')),
    },
    pair: {
      relation: shareOf('pair', same('kind', 'layout', 'nameA', 'nameB')),
      layout: shareOf('pair', same('kind', 'layout')),
      names: shareOf('pair', (expected, got) => got.kind === 'pair' && namesOf(expected) === namesOf(got)),
      style: shareOf('pair', same('style')),
      background: shareOf('pair', same('background')),
    },
  };
}

/** A table for people: a line for each share, with its interval. */
export function formatScores(scores: SuiteScores): string {
  const lines: string[] = [];
  for (const kind of ['single', 'count', 'pair'] as const) {
    for (const [what, { right, n, share, low, high }] of Object.entries(scores[kind] as Record<string, Proportion>)) {
      if (n === 0) continue;
      const percent = (x: number) => (100 * x).toFixed(1);
      const interval = `${percent(low)}–${percent(high)}`.padStart(11);
      lines.push(
        `${kind.padEnd(6)}  ${what.padEnd(12)}  ${percent(share).padStart(5)} %  ${interval}  ${right} of ${n}`,
      );
    }
  }
  return lines.join('\n');
}
