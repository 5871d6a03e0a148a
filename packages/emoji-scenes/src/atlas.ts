import { WeightError } from '@muse/backend';
import { decode } from 'fast-png';
import { type EmojiName, type EmojiStyle, names, styles } from './vocabulary.js';

/** The sprites of all names in all styles. */
export interface Atlas {
  /** Premultiplied RGBA in [0, 1], f32 [size · size · 4]; the same array each time, not to be written to. */
  sprite(name: EmojiName, style: EmojiStyle, size: number): Float32Array;
}

/** assets/atlas.json */
export interface AtlasIndex {
  readonly spriteSize: number;
  readonly numColumns: number;
  readonly styles: readonly { readonly name: string; readonly file: string }[];
  readonly names: readonly string[];
}

const place = { package: 'emoji-scenes', in: 'atlasFrom' };

/**
 * @param files the PNG file of each style, by its name in the index
 * @throws WeightError when the files are not those of this version of the package
 */
export function atlasFrom(index: AtlasIndex, files: ReadonlyMap<string, Uint8Array>): Atlas {
  if (index.names.join() !== names.join()) {
    throw new WeightError(place, `expected an atlas of ${names.length} names, got another of ${index.names.length}`);
  }
  const grids = new Map(styles.map((style) => [style, decodeGrid(index, style, files)]));
  const cache = new Map<string, Float32Array>();
  return {
    sprite(name, style, size) {
      const key = `${name}/${style}/${size}`;
      let sprite = cache.get(key);
      if (!sprite) {
        sprite = resizeArea(cutSprite(grids.get(style)!, index, names.indexOf(name)), index.spriteSize, size);
        cache.set(key, sprite);
      }
      return sprite;
    },
  };
}

interface Grid {
  readonly width: number;
  readonly data: Uint8Array;
}

function decodeGrid(index: AtlasIndex, style: EmojiStyle, files: ReadonlyMap<string, Uint8Array>): Grid {
  const file = index.styles.find(({ name }) => name === style)?.file;
  const bytes = file === undefined ? undefined : files.get(file);
  if (!bytes) throw new WeightError(place, `expected a file for ${style}, got ${file ?? 'none in atlas.json'}`);
  const { width, data, channels, depth } = decode(bytes);
  if (channels !== 4 || depth !== 8 || width !== index.spriteSize * index.numColumns) {
    throw new WeightError(
      place,
      `expected ${file} as RGBA of width ${index.spriteSize * index.numColumns}, got ${channels} channels, width ${width}`,
    );
  }
  return { width, data: data as Uint8Array };
}

/** One cell of the grid, premultiplied, f32 [side · side · 4]. */
function cutSprite({ width, data }: Grid, { spriteSize: side, numColumns }: AtlasIndex, cell: number): Float32Array {
  const left = (cell % numColumns) * side;
  const top = Math.floor(cell / numColumns) * side;
  const out = new Float32Array(side * side * 4);
  for (let row = 0; row < side; row++) {
    for (let column = 0; column < side; column++) {
      const from = ((top + row) * width + left + column) * 4;
      const to = (row * side + column) * 4;
      const alpha = data[from + 3]! / 255;
      for (let channel = 0; channel < 3; channel++) out[to + channel] = (data[from + channel]! / 255) * alpha;
      out[to + 3] = alpha;
    }
  }
  return out;
}

/** Each output pixel is the mean of the area under it, along one axis after the other. */
function resizeArea(source: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return source;
  const weights = areaWeights(from, to);
  const wide = new Float32Array(from * to * 4); // [from rows, to columns]
  const out = new Float32Array(to * to * 4);
  for (let row = 0; row < from; row++) {
    weights.forEach((taps, column) => {
      for (const [index, weight] of taps) {
        for (let c = 0; c < 4; c++)
          wide[(row * to + column) * 4 + c]! += source[(row * from + index) * 4 + c]! * weight;
      }
    });
  }
  weights.forEach((taps, row) => {
    for (const [index, weight] of taps) {
      for (let i = 0; i < to * 4; i++) out[row * to * 4 + i]! += wide[index * to * 4 + i]! * weight;
    }
  });
  return out;
}

/** For each output position the source positions under it and their shares, which add up to 1. */
function areaWeights(from: number, to: number): [index: number, weight: number][][] {
  const ratio = from / to;
  return Array.from({ length: to }, (_, i) => {
    const [start, end] = [i * ratio, (i + 1) * ratio];
    const taps: [number, number][] = [];
    for (let index = Math.floor(start); index < Math.min(Math.ceil(end), from); index++) {
      const share = (Math.min(index + 1, end) - Math.max(index, start)) / ratio;
      if (share > 0) taps.push([index, share]);
    }
    return taps;
  });
}
