import type { SceneReading } from '../classifier/reading.js';
import { type Proportion, proportion } from '../proportion.js';
import { type EditTask, editTasks } from './editRequests.js';

/** One edited picture. */
export interface EditAnswer {
  readonly task: EditTask;
  readonly index: number;
  readonly oldPrompt: string;
  readonly prompt: string;
  readonly seed: number;
  /** What the picture showed. */
  readonly before: SceneReading;
  /** What was asked for: one thing of it is not as before. */
  readonly expected: SceneReading;
  /** What the classifier sees in the result. */
  readonly got: SceneReading;
  /** Of `inpaint…`: the pixels that are not masked, and those of them with any byte not as before. */
  readonly outside?: { readonly pixels: number; readonly changed: number };
}

/**
 * What can be right: the object that is (or is not) to change, of a pair the other one, how many there are and how they
 * stand, style, background. Of a pair an object counts only in its place.
 */
export const editAttributes = ['object', 'other', 'arrangement', 'style', 'background'] as const;
export type EditAttribute = (typeof editAttributes)[number];

/** Shares of the pictures of a task. */
export interface EditScores {
  /** The attribute that the task changes. */
  readonly asked: EditAttribute;
  /** It is read as was asked. */
  readonly changed: Proportion;
  /** It is read as it was before. */
  readonly asBefore: Proportion;
  /** Each of the other attributes is read as it was. */
  readonly kept: Readonly<Partial<Record<EditAttribute, Proportion>>>;
  /** All of it. */
  readonly all: Proportion;
  /** Of `inpaint…`: not a byte outside of the mask differs. */
  readonly outsideIdentical?: Proportion;
}

const askedOf: Readonly<Record<EditTask, EditAttribute>> = {
  inpaintObject: 'object',
  inpaintOneOfPair: 'object',
  editObject: 'object',
  editStyle: 'style',
  editBackground: 'background',
};

/** Which attributes of a wanted reading are seen. */
function seen({ before, expected, got }: EditAnswer, wanted: SceneReading): Partial<Record<EditAttribute, boolean>> {
  const [slot, otherSlot] =
    before.nameB === expected.nameB ? (['nameA', 'nameB'] as const) : (['nameB', 'nameA'] as const);
  const isSame = (...keys: (keyof SceneReading)[]) => keys.every((key) => got[key] === wanted[key]);
  const isPair = wanted.kind === 'pair';
  const arrangement = isSame('kind', 'count', 'layout');
  return {
    object: isSame(slot) && (arrangement || !isPair),
    ...(isPair && { other: isSame(otherSlot) && arrangement }),
    arrangement,
    style: isSame('style'),
    background: isSame('background'),
  };
}

/** Scores of each task that there are answers of. */
export function editScores(answers: readonly EditAnswer[]): Partial<Record<EditTask, EditScores>> {
  const scores: Partial<Record<EditTask, EditScores>> = {};
  for (const task of editTasks) {
    const own = answers.filter((answer) => answer.task === task);
    if (own.length > 0) scores[task] = scoresOf(own, askedOf[task]);
  }
  return scores;
}

function scoresOf(answers: readonly EditAnswer[], asked: EditAttribute): EditScores {
  const asWanted = answers.map((answer) => seen(answer, answer.expected));
  const share = (attribute: EditAttribute) => proportion(asWanted.map((one) => one[attribute] === true));
  const kept = editAttributes.filter((attribute) => attribute !== asked && attribute in asWanted[0]!);
  const masked = answers.flatMap(({ outside }) => outside ?? []);
  return {
    asked,
    changed: share(asked),
    asBefore: proportion(answers.map((answer) => seen(answer, answer.before)[asked] === true)),
    kept: Object.fromEntries(kept.map((attribute) => [attribute, share(attribute)])),
    all: proportion(asWanted.map((one) => Object.values(one).every(Boolean))),
    ...(masked.length > 0 && { outsideIdentical: proportion(masked.map(({ changed }) => changed === 0)) }),
  };
}

const headings = ['task', 'asked for', 'seen', 'still as before', 'kept', 'all of it', 'outside identical', 'pictures'];

/** A table of Markdown: shares in percent, with the 95 % interval of what was asked for. */
export function formatEditScores(scores: Partial<Record<EditTask, EditScores>>): string {
  const percent = (x: number) => (100 * x).toFixed(1);
  const share = (p: Proportion) => `${percent(p.share)} %`;
  const rows = Object.entries(scores).map(([task, { asked, changed, asBefore, kept, all, outsideIdentical }]) => [
    task,
    asked,
    `${share(changed)} (${percent(changed.low)}–${percent(changed.high)})`,
    share(asBefore),
    Object.entries(kept)
      .map(([attribute, p]) => `${attribute} ${share(p)}`)
      .join(', '),
    share(all),
    outsideIdentical ? `${outsideIdentical.right} of ${outsideIdentical.n}` : '–',
    `${changed.n}`,
  ]);
  return [headings, headings.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
