/// <reference types="@webgpu/types" />
import { describe, expect, it } from 'vitest';
import { DEFAULT_TILE, nameOfTile, tilesFor } from './gemmTiles.js';
import { TileChoice, type UnmeasuredProduct } from './tileChoice.js';

const shape = { M: 16, N: 16, K: 16 };
const limits = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 } as GPUSupportedLimits;
const choose = () => new TileChoice(limits, { subgroupSize: 32, isPinned: false, matrices: { f16: shape, i8: shape } });
const describeProduct = () => ({}) as UnmeasuredProduct;

describe('the tile of a product', () => {
  it('is the one that was measured, else the first, of which the tuner is told', () => {
    const choice = choose();
    const tiles = tilesFor('f32', choice.tiles);
    const met: string[] = [];
    choice.onUnmeasured = (product) => met.push(product);
    expect(choice.tileOf('a', tiles, describeProduct)).toBe(DEFAULT_TILE);
    choice.measured.set('a', tiles[2]!);
    expect(choice.tileOf('a', tiles, describeProduct)).toBe(tiles[2]);
    expect(met).toEqual(['a']);
  });

  it('is of matrices for halves once they are trusted, though another was measured before: other tiles have other bits', () => {
    const choice = choose();
    choice.measured.set('a', DEFAULT_TILE);
    const of = (arithmetic: 'f16' | 'i8') => {
      const tiles = tilesFor(arithmetic, choice.tiles);
      return {
        tile: nameOfTile(choice.tileOf('a', tiles, describeProduct)),
        kinds: new Set(tiles.map(({ kind }) => kind)),
      };
    };
    expect(of('f16')).toEqual({ tile: '64x64', kinds: new Set(['memory', 'subgroups']) });
    expect(of('i8')).toEqual({ tile: '64x64', kinds: new Set(['memory', 'subgroups', 'matrices']) });
    choice.trustHalves();
    expect(of('f16')).toEqual({ tile: '64x64f16m16x16x16s32', kinds: new Set(['matrices']) });
    expect(of('i8')).toEqual({ tile: '64x64', kinds: new Set(['memory', 'subgroups', 'matrices']) });
  });

  it('is what was measured of matrices in another process, from when they are trusted', () => {
    const choice = choose();
    const kept = choice.all.filter(({ kind }) => kind === 'matrices');
    for (const tile of kept) choice.measured.set(nameOfTile(tile), tile);
    const of = (arithmetic: 'f16' | 'i8', product: string) =>
      nameOfTile(choice.tileOf(product, choice.tilesFor(arithmetic, false), describeProduct));
    expect(of('i8', '32x32i8m16x16x16s32')).toBe('32x32i8m16x16x16s32');
    expect(of('f16', '32x32f16m16x16x16s32')).toBe('64x64');
    choice.trustHalves();
    expect(of('i8', '32x32i8m16x16x16s32')).toBe('32x32i8m16x16x16s32');
    expect(of('f16', '32x32f16m16x16x16s32')).toBe('32x32f16m16x16x16s32');
  });

  it('fits the device', () => {
    const choice = choose();
    expect(choice.fits(16_384, 256)).toBe(true);
    expect(choice.fits(16_385, 256)).toBe(false);
    expect(choice.fits(16_384, 257)).toBe(false);
  });
});
