/** Everything that a scene can hold: words of the captions and cells of the atlas. */

/** Names of what is drawn, in the order of the atlas. */
export const names = [
  'smiling face', 'crying face', 'angry face', 'sleeping face', 'cool face', 'sick face', 'clown', 'devil', 'robot',
  'ghost', 'alien', 'skull', 'pumpkin', 'cat', 'smiling cat', 'crying cat', 'black cat', 'dog', 'mouse', 'rabbit',
  'fox', 'bear', 'panda', 'koala', 'tiger', 'lion', 'cow', 'pig', 'frog', 'monkey', 'horse', 'unicorn', 'chicken',
  'penguin', 'owl', 'duck', 'parrot', 'elephant', 'giraffe', 'snake', 'turtle', 'dinosaur', 'fish', 'whale', 'shark',
  'octopus', 'crab', 'snail', 'butterfly', 'bee', 'spider', 'apple', 'banana', 'lemon', 'cherry', 'strawberry',
  'grapes', 'watermelon', 'pineapple', 'avocado', 'carrot', 'broccoli', 'mushroom', 'bread', 'cheese', 'egg', 'pizza',
  'burger', 'donut', 'cake', 'ice cream', 'coffee', 'beer', 'car', 'bus', 'fire truck', 'tractor', 'bicycle', 'train',
  'airplane', 'helicopter', 'rocket', 'sailboat', 'ship', 'flying saucer', 'guitar', 'piano', 'book', 'pencil', 'key',
  'bell', 'light bulb', 'umbrella', 'alarm clock', 'camera', 'phone', 'laptop', 'television', 'balloon', 'gift',
  'teddy bear', 'crown', 'top hat', 'shoe', 'ring', 'diamond', 'trophy', 'soccer ball', 'basketball', 'magnet',
  'backpack', 'shirt', 'heart', 'sun', 'moon', 'star', 'cloud', 'rainbow', 'snowflake', 'snowman', 'fire', 'tree',
  'palm tree', 'cactus', 'sunflower', 'rose', 'volcano', 'house', 'castle', 'earth', 'planet',
] as const; // biome-ignore format: a list of words
export type EmojiName = (typeof names)[number];

export const styles = ['3D style', 'flat style', 'Noto style'] as const;
export type EmojiStyle = (typeof styles)[number];

/** Colours in [0, 1], sRGB, as they stand in the picture. */
export const backgroundColours = {
  white: [1, 1, 1],
  black: [0.1, 0.1, 0.1],
  gray: [0.55, 0.55, 0.55],
  red: [0.85, 0.2, 0.2],
  orange: [0.98, 0.58, 0.2],
  yellow: [0.98, 0.86, 0.3],
  green: [0.25, 0.65, 0.35],
  blue: [0.2, 0.45, 0.85],
  purple: [0.55, 0.3, 0.75],
  pink: [0.98, 0.65, 0.78],
} as const satisfies Record<string, readonly [number, number, number]>;
export type Background = keyof typeof backgroundColours;
export const backgrounds = Object.keys(backgroundColours) as readonly Background[];

export const relations = ['left', 'right', 'above', 'below'] as const;
/** Where the first of a pair stands, seen from the second. */
export type Relation = (typeof relations)[number];

export const corners = ['top left', 'top right', 'bottom left', 'bottom right'] as const;
export type Corner = (typeof corners)[number];

/** Words for 2, 3 and 4. */
export const countWords = ['two', 'three', 'four'] as const;

/** Nouns that do not count with a bare s: their plural, and how one of them is called. */
const irregular: Readonly<Partial<Record<EmojiName, { readonly plural: string; readonly singular?: string }>>> = {
  mouse: { plural: 'mice' },
  fox: { plural: 'foxes' },
  fish: { plural: 'fish' },
  octopus: { plural: 'octopuses' },
  butterfly: { plural: 'butterflies' },
  cherry: { plural: 'cherries' },
  strawberry: { plural: 'strawberries' },
  grapes: { plural: 'grapes', singular: 'grapes' },
  broccoli: { plural: 'broccoli', singular: 'broccoli' },
  bread: { plural: 'breads', singular: 'bread' },
  cheese: { plural: 'cheeses', singular: 'cheese' },
  bus: { plural: 'buses' },
  coffee: { plural: 'coffees' },
  'ice cream': { plural: 'ice creams' },
  cactus: { plural: 'cactuses' },
  sun: { plural: 'suns', singular: 'the sun' },
  earth: { plural: 'earths', singular: 'the earth' },
  fire: { plural: 'fires' },
};

/** "two cherries", "four fish" */
export function pluralOf(name: EmojiName): string {
  return irregular[name]?.plural ?? `${name}s`;
}

/** "a cat", "an apple", "the sun", "grapes"; with an adjective "a big cat". */
export function singularOf(name: EmojiName, adjective = ''): string {
  const fixed = irregular[name]?.singular;
  const noun = fixed?.replace(/^the /, '') ?? name;
  const words = adjective ? `${adjective} ${noun}` : noun;
  if (fixed?.startsWith('the ')) return `the ${words}`;
  if (fixed) return words;
  return `${/^(?:[aeio]|umbrella)/.test(words) ? 'an' : 'a'} ${words}`;
}
