/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { DEFAULT_TILE, type GemmTile } from './gemmTiles.js';

/** A product that was met before anybody measured its tiles on this device. */
export interface UnmeasuredProduct {
  readonly inputs: readonly tf.TensorInfo[];
  readonly flop: number;
  /** That the device can run; the default is the first. */
  readonly tiles: readonly GemmTile[];
  run(tile: GemmTile): tf.Tensor;
}

/**
 * Which tile each product takes on a device, by the product's kernel and sizes. All tiles give the same bits, so this is about
 * time alone; without measurements every product takes the default.
 */
export class TileChoice {
  readonly measured = new Map<string, GemmTile>();
  /** Is told of products that are not measured. */
  onUnmeasured?: (product: string, description: UnmeasuredProduct) => void;

  constructor(readonly limits: GPUSupportedLimits) {}

  tileOf(product: string, describe: (limits: GPUSupportedLimits) => UnmeasuredProduct): GemmTile {
    const tile = this.measured.get(product);
    if (!tile) this.onUnmeasured?.(product, describe(this.limits));
    return tile ?? DEFAULT_TILE;
  }
}

const choices = new WeakMap<GPUDevice, TileChoice>();

/** Of the device that tfjs works on. */
export function tileChoice(): TileChoice {
  const { device } = tf.backend() as WebGPUBackend;
  let choice = choices.get(device);
  if (!choice) {
    choice = new TileChoice(device.limits);
    choices.set(device, choice);
  }
  return choice;
}
