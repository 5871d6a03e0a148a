import { permutation, uniform } from '@muse/backend';
import type { CountScene, PairScene, Scene, SingleScene } from './scene.js';
import { countWords, pluralOf, singularOf } from './vocabulary.js';

const CAPTION_STAGE = 0xca97;

/** What a caption is made of: the subject first, then style and background in either order. */
interface CaptionParts {
  readonly subject: string;
  readonly style?: string;
  readonly background?: string;
}

const relationPhrases = {
  left: ['to the left of', 'left of', 'on the left of'],
  right: ['to the right of', 'right of', 'on the right of'],
  above: ['above', 'over', 'on top of'],
  below: ['below', 'under', 'beneath'],
} as const;

/** The caption in its plain form: "a smiling cat, 3D style, on a blue background". */
export function caption(scene: Scene): string {
  return join([subject(scene), scene.style, `on ${article(scene.background)} background`]);
}

/**
 * One of the many ways in which people would ask for the scene, a function of the seed: other words, another order,
 * parts left out (what is left out is then up to the model; a white background may always go unsaid), a word that
 * nobody knows.
 */
export function augmentedCaption(scene: Scene, seed: number): string {
  const u = uniform({ seed, stage: CAPTION_STAGE }, 12);
  const chance = (i: number, probability: number) => u[i]! < probability;
  const choose = <Item>(i: number, items: readonly Item[]) => items[Math.floor(u[i]! * items.length)]!;

  const isPlain = chance(0, 0.4);
  if (isPlain && scene.background !== 'white') return caption(scene);
  const parts: CaptionParts = {
    subject: withFiller(subject(scene, choose(1, [0, 1, 2])), chance(2, 0.06), u[3]!),
    ...(chance(4, 0.06) ? {} : { style: choose(5, [scene.style, scene.style, `in ${scene.style}`]) }),
    ...(chance(6, scene.background === 'white' ? 0.7 : 0.05)
      ? {}
      : {
          background: choose(7, [
            `on ${article(scene.background)} background`,
            `${scene.background} background`,
            `on ${scene.background}`,
          ]),
        }),
  };
  const tail = [parts.style, parts.background].filter((part) => part !== undefined);
  if (chance(8, 0.25)) tail.reverse();
  const text =
    chance(9, 0.1) && parts.style
      ? [parts.style.replace(/^in /, ''), parts.subject, ...tail.filter((p) => p !== parts.style)]
      : [parts.subject, ...tail];
  const joined = chance(10, 0.7) ? join(text) : text.join(' ');
  return chance(11, 0.1) ? joined[0]!.toUpperCase() + joined.slice(1) : joined;
}

function subject(scene: Scene, variant = 0): string {
  switch (scene.kind) {
    case 'single':
      return singleSubject(scene, variant);
    case 'count':
      return countSubject(scene, variant);
    case 'pair':
      return pairSubject(scene, variant);
    default:
      throw scene satisfies never;
  }
}

function singleSubject({ items, size, corner }: SingleScene, variant: number): string {
  const { name } = items[0]!;
  if (corner)
    return `${singularOf(name, variant === 1 ? 'small' : '')} in the ${corner}${variant === 2 ? '' : ' corner'}`;
  const adjective = {
    normal: '',
    big: ['big', 'large', 'huge'][variant]!,
    small: ['small', 'little', 'tiny'][variant]!,
  }[size];
  return variant === 2 && size === 'normal' ? name : singularOf(name, adjective);
}

function countSubject({ items, count }: CountScene, variant: number): string {
  const number = variant === 1 ? String(count) : countWords[count - 2]!;
  return `${number} ${pluralOf(items[0]!.name)}`;
}

function pairSubject({ items, relation }: PairScene, variant: number): string {
  const [first, second] = items.map(({ name }) => singularOf(name)) as [string, string];
  return `${first} ${relationPhrases[relation][variant]} ${second}`;
}

const fillers = ['lovely', 'cute', 'nice', 'beautiful', 'picture of', 'drawing of', 'photo of'] as const;

/** A word that says nothing: a known one, or letters that no vocabulary holds. */
function withFiller(text: string, isFilled: boolean, u: number): string {
  if (!isFilled) return text;
  const index = Math.floor(u * fillers.length * 2);
  const filler = fillers[index] ?? invented(Math.floor(u * 2 ** 32));
  if (filler.endsWith(' of')) return `a ${filler} ${text}`;
  return text.replace(/^(an?|the) /, `a ${filler} `);
}

function invented(seed: number): string {
  const letters = permutation({ seed, stage: CAPTION_STAGE, step: 1 }, 26);
  return [...letters.slice(0, 4 + (letters[25]! % 4))].map((code) => String.fromCharCode(97 + code)).join('');
}

function article(background: string): string {
  return `${background.startsWith('o') ? 'an' : 'a'} ${background}`;
}

function join(parts: readonly string[]): string {
  return parts.join(', ');
}

/** Every known word that a caption can hold, in lower case: the vocabulary of a tokenizer. */
export function captionWords(pieces: readonly string[]): string[] {
  const words = new Set<string>();
  for (const piece of pieces) for (const word of piece.toLowerCase().split(/[\s,]+/)) if (word) words.add(word);
  return [...words].sort();
}

/** Words of the sentences around names, styles and backgrounds. */
export const sentenceWords: readonly string[] = [
  'a an the on in of to background corner style big large huge small little tiny top bottom left right 2 3 4',
  ...countWords,
  ...Object.values(relationPhrases).flat(),
  ...fillers,
];
