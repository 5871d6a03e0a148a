/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { type GemmTile, threadsOf, tileMemory, tilesFor, tilesOf } from './gemmTiles.js';
import type { Arithmetic } from './gemmWgsl.js';
import type { GpuTraits } from './gpuTraits.js';

/** A product that was met before anybody measured its tiles on this device. */
export interface UnmeasuredProduct {
  readonly inputs: readonly tf.TensorInfo[];
  readonly flop: number;
  /** That the device can run, the default first. */
  readonly tiles: readonly GemmTile[];
  run(tile: GemmTile): tf.Tensor;
}

/**
 * Which tile each product takes on a device, by the product's kernel and sizes. All tiles of a product give the same bits, so this
 * is about time alone; without measurements every product takes the first.
 */
export class TileChoice {
  readonly measured = new Map<string, GemmTile>();
  /** Is told of products that are not measured. */
  onUnmeasured?: (product: string, description: UnmeasuredProduct) => void;
  readonly #limits: GPUSupportedLimits;
  /** All that the device says it computes: what was measured is one of them. */
  readonly all: readonly GemmTile[];
  #areHalvesTrusted = false;
  readonly #fitting = new Map<string, readonly GemmTile[]>();

  /** @param traits as the device says; its matrices of halves are used once they are trusted */
  constructor(
    limits: GPUSupportedLimits,
    readonly traits: GpuTraits,
  ) {
    this.#limits = limits;
    this.all = tilesOf(traits);
  }

  /** Those that products may take. */
  get tiles(): readonly GemmTile[] {
    return this.all.filter((tile) => this.#areHalvesTrusted || tile.kind !== 'matrices' || tile.of !== 'f16');
  }

  /** From now on products of halves are of matrices. */
  trustHalves(): void {
    this.#areHalvesTrusted = true;
    this.#fitting.clear();
  }

  /** Those that give a product its bits and fit the device, the default first. */
  tilesFor(arithmetic: Arithmetic, isGated: boolean): readonly GemmTile[] {
    const key = `${arithmetic} ${isGated}`;
    const known = this.#fitting.get(key);
    if (known) return known;
    const tiles = tilesFor(arithmetic, this.tiles).filter((tile) =>
      this.fits(tileMemory(tile, { arithmetic, isGated }), threadsOf(tile)),
    );
    this.#fitting.set(key, tiles);
    return tiles;
  }

  fits(workgroupMemory: number, threads: number): boolean {
    const { maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } = this.#limits;
    return workgroupMemory <= maxComputeWorkgroupStorageSize && threads <= maxComputeInvocationsPerWorkgroup;
  }

  /** @param tiles those that give the product its bits, the default first */
  tileOf(product: string, tiles: readonly GemmTile[], describe: () => UnmeasuredProduct): GemmTile {
    const tile = this.measured.get(product);
    if (tile && tiles.includes(tile)) return tile;
    this.onUnmeasured?.(product, describe());
    return tiles[0]!;
  }
}

const choices = new WeakMap<GPUDevice, TileChoice>();

/** Before the first product on a device. */
export function startTileChoice(device: GPUDevice, traits: GpuTraits): TileChoice {
  const choice = new TileChoice(device.limits, traits);
  choices.set(device, choice);
  return choice;
}

/** Of the device that tfjs works on. */
export function tileChoice(): TileChoice {
  return choices.get((tf.backend() as WebGPUBackend).device)!;
}
