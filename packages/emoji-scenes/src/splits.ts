import { randomUint32 } from '@muse/backend';
import { type Background, backgrounds, type EmojiName, type EmojiStyle, names, styles } from './vocabulary.js';

/** The split is part of the data: another seed would be another data set. */
const SPLIT_SEED = 2301;
const TRIPLE_STAGE = 0x591;
const PAIR_STAGE = 0x592;
const HELD_OUT_SHARE = 0.1;

function isHeldOutIndex(stage: number, index: number): boolean {
  return randomUint32({ seed: SPLIT_SEED, stage }, 1, index)[0]! < HELD_OUT_SHARE * 2 ** 32;
}

/** True for the tenth of all (name, style, background) that no training scene shows, in any kind of scene. */
export function isHeldOutTriple(name: EmojiName, style: EmojiStyle, background: Background): boolean {
  const index = (names.indexOf(name) * styles.length + styles.indexOf(style)) * backgrounds.length;
  return isHeldOutIndex(TRIPLE_STAGE, index + backgrounds.indexOf(background));
}

/** True for the tenth of all ordered pairs of names that no training scene shows together. */
export function isHeldOutPair(first: EmojiName, second: EmojiName): boolean {
  return isHeldOutIndex(PAIR_STAGE, names.indexOf(first) * names.length + names.indexOf(second));
}
