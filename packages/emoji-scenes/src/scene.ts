import { ConfigError, uniform } from '@muse/backend';
import { isHeldOutPair, isHeldOutTriple } from './splits.js';
import {
  type Background,
  backgrounds,
  type Corner,
  corners,
  type EmojiName,
  type EmojiStyle,
  names,
  type Relation,
  relations,
  styles,
} from './vocabulary.js';

/** One sprite. Pixels of a 64 × 64 picture, origin at the top left. */
export interface SceneItem {
  readonly name: EmojiName;
  readonly style: EmojiStyle;
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

interface SceneBase {
  readonly background: Background;
  readonly style: EmojiStyle;
  readonly items: readonly SceneItem[];
}

/** One emoji: in the middle at one of three sizes, or small in a corner. */
export interface SingleScene extends SceneBase {
  readonly kind: 'single';
  readonly size: 'normal' | 'big' | 'small';
  readonly corner?: Corner;
}

/** Two to four of one emoji. */
export interface CountScene extends SceneBase {
  readonly kind: 'count';
  readonly count: 2 | 3 | 4;
}

/** Two different ones; `relation` says where the first stands, seen from the second. */
export interface PairScene extends SceneBase {
  readonly kind: 'pair';
  readonly relation: Relation;
}

export type Scene = SingleScene | CountScene | PairScene;
export const sceneKinds = ['single', 'count', 'pair'] as const;
export type SceneKind = (typeof sceneKinds)[number];

/** Side of a picture that the positions are in. */
export const SCENE_SIZE = 64;
const SMALL = 32;

/** Where the sprites of a scene stand: on the 8-pixel token grid (docs/decisions/0004). */
const cornerCells = {
  'top left': [0, 0],
  'top right': [SMALL, 0],
  'bottom left': [0, SMALL],
  'bottom right': [SMALL, SMALL],
} as const;
const countCells = {
  2: [
    [0, 16],
    [SMALL, 16],
  ],
  3: [
    [16, 0],
    [0, SMALL],
    [SMALL, SMALL],
  ],
  4: [
    [0, 0],
    [SMALL, 0],
    [0, SMALL],
    [SMALL, SMALL],
  ],
} as const;
const pairCells = {
  left: [
    [0, 16],
    [SMALL, 16],
  ],
  right: [
    [SMALL, 16],
    [0, 16],
  ],
  above: [
    [16, 0],
    [16, SMALL],
  ],
  below: [
    [16, SMALL],
    [16, 0],
  ],
} as const;
const singlePlaces = { normal: [8, 8, 48], big: [0, 0, 64], small: [16, 16, SMALL] } as const;

export interface SampleSceneOptions {
  /** Integer in [0, 2^53): the same seed, the same scene. */
  readonly seed: number;
  /** `train` never holds a held-out triple or pair; `heldOut` always does. Default `train`. */
  readonly split?: 'train' | 'heldOut';
  /** Share of each kind; they need not add up to 1. */
  readonly kinds?: Readonly<Partial<Record<SceneKind, number>>>;
  /** Largest move of each sprite off the grid in pixels, along each axis. Default 0. */
  readonly jitter?: number;
}

export const defaultKindShares: Readonly<Record<SceneKind, number>> = { single: 0.5, count: 0.2, pair: 0.3 };

const SCENE_STAGE = 0x5ce0;
const NUM_DRAWS = 24;
/** Draws that are thrown away until one is in the split: a tenth is held out, so this is never reached. */
const MAX_TRIES = 1000;

/**
 * A scene that is a function of the seed.
 *
 * @throws ConfigError for shares that are negative or all zero
 */
export function sampleScene({
  seed,
  split = 'train',
  kinds = defaultKindShares,
  jitter = 0,
}: SampleSceneOptions): Scene {
  const shares = sceneKinds.map((kind) => kinds[kind] ?? 0);
  const total = shares.reduce((sum, share) => sum + share, 0);
  if (!(total > 0) || shares.some((share) => !(share >= 0))) {
    const place = { package: 'emoji-scenes', in: 'sampleScene' };
    throw new ConfigError(place, `expected shares of kinds ≥ 0 and not all 0, got ${JSON.stringify(kinds)}`);
  }
  for (let step = 0; step < MAX_TRIES; step++) {
    const draws = new Draws(uniform({ seed, stage: SCENE_STAGE, step }, NUM_DRAWS));
    const scene = drawScene(draws, draws.kind(shares, total));
    if (isHeldOut(scene) === (split === 'heldOut')) return jitter > 0 ? moved(scene, draws, jitter) : scene;
  }
  throw new ConfigError(
    { package: 'emoji-scenes', in: 'sampleScene' },
    `found no scene of split ${split}, got seed ${seed}`,
  );
}

/** A scene that holds a (name, style, background) or an ordered pair of names that no training scene holds. */
export function isHeldOut(scene: Scene): boolean {
  if (scene.items.some(({ name, style }) => isHeldOutTriple(name, style, scene.background))) return true;
  return scene.kind === 'pair' && isHeldOutPair(scene.items[0]!.name, scene.items[1]!.name);
}

class Draws {
  #next = 0;

  constructor(readonly values: Float64Array) {}

  value(): number {
    return this.values[this.#next++]!;
  }

  of<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.value() * items.length)]!;
  }

  kind(shares: readonly number[], total: number): SceneKind {
    let rest = this.value() * total;
    const index = shares.findIndex((share) => {
      rest -= share;
      return rest < 0;
    });
    return sceneKinds[index]!;
  }
}

function drawScene(draws: Draws, kind: SceneKind): Scene {
  const style = draws.of(styles);
  const background = draws.of(backgrounds);
  const name = draws.of(names);
  switch (kind) {
    case 'single':
      return singleScene(name, style, background, draws);
    case 'count': {
      const count = draws.of([2, 3, 4] as const);
      return countScene(name, style, background, count);
    }
    case 'pair': {
      const others = names.filter((other) => other !== name);
      return pairScene(name, draws.of(others), style, background, draws.of(relations));
    }
    default:
      throw kind satisfies never;
  }
}

function singleScene(name: EmojiName, style: EmojiStyle, background: Background, draws: Draws): SingleScene {
  const place = draws.value();
  if (place < 0.1) {
    const corner = draws.of(corners);
    const [x, y] = cornerCells[corner];
    return { kind: 'single', size: 'small', corner, style, background, items: [{ name, style, x, y, size: SMALL }] };
  }
  return makeSingle(name, style, background, place < 0.2 ? 'small' : place < 0.3 ? 'big' : 'normal');
}

/** One emoji in the middle. */
export function makeSingle(
  name: EmojiName,
  style: EmojiStyle,
  background: Background,
  size: SingleScene['size'] = 'normal',
): SingleScene {
  const [x, y, side] = singlePlaces[size];
  return { kind: 'single', size, style, background, items: [{ name, style, x, y, size: side }] };
}

export function countScene(
  name: EmojiName,
  style: EmojiStyle,
  background: Background,
  count: CountScene['count'],
): CountScene {
  const items = countCells[count].map(([x, y]) => ({ name, style, x, y, size: SMALL }));
  return { kind: 'count', count, style, background, items };
}

export function pairScene(
  first: EmojiName,
  second: EmojiName,
  style: EmojiStyle,
  background: Background,
  relation: Relation,
): PairScene {
  const cells = pairCells[relation];
  const items = [first, second].map((name, i) => ({ name, style, x: cells[i]![0], y: cells[i]![1], size: SMALL }));
  return { kind: 'pair', relation, style, background, items };
}

/** Each sprite moved by up to `jitter` pixels along each axis, kept inside the picture. */
function moved(scene: Scene, draws: Draws, jitter: number): Scene {
  const move = (at: number, size: number) => {
    const offset = Math.floor(draws.value() * (2 * jitter + 1)) - jitter;
    return Math.min(Math.max(at + offset, 0), SCENE_SIZE - size);
  };
  return {
    ...scene,
    items: scene.items.map((item) => ({ ...item, x: move(item.x, item.size), y: move(item.y, item.size) })),
  };
}
