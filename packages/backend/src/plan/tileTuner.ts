/// <reference types="@webgpu/types" />
import type { Tensor } from '@tensorflow/tfjs';
import type { TextStore } from '../devices/platform/platform.js';
import { type GemmTile, nameOfTile } from '../kernels/webgpu/gemmTiles.js';
import { type TileChoice, tileChoice, type UnmeasuredProduct } from '../kernels/webgpu/tileChoice.js';
import { sameBits } from './sameBits.js';
import { keepData, releaseData, type TfjsWebgpu } from './tfjsWebgpu.js';
import { verifiedReplay } from './verifiedReplay.js';

/** Products that a function met, and whose inputs are kept until they are let go. */
export type MetProducts = Map<string, UnmeasuredProduct>;

/** A measured run repeats a product until it has this much to do, and then until it takes so long: less is in the noise of handing it in. */
const FLOP_PER_RUN = 1e10;
const MS_PER_RUN = 3;
const MAX_REPEATS = 256;
const bounded = (repeats: number) => Math.min(Math.max(Math.round(repeats), 1), MAX_REPEATS);
const NUM_ROUNDS = 4;
/** Another tile is taken only if it saves this share of the default's time. */
const LEAST_GAIN = 0.05;
/** What is left after this long keeps the default until a later capture. */
const BUDGET_MS = 3000;

/** Measures the tiles of products on a device, and keeps what it finds. */
export class TileTuner {
  readonly #backend: TfjsWebgpu;
  readonly #choice: TileChoice;
  readonly #store: TextStore;

  /** Reads what was measured before; without it there is only more to measure. */
  static async open(backend: TfjsWebgpu, store: TextStore): Promise<TileTuner> {
    const tuner = new TileTuner(backend, store);
    const text = await store.read().catch(() => undefined);
    for (const [product, tile] of parseTiles(text, tuner.#choice.all)) tuner.#choice.measured.set(product, tile);
    return tuner;
  }

  private constructor(backend: TfjsWebgpu, store: TextStore) {
    this.#backend = backend;
    this.#choice = tileChoice();
    this.#store = store;
  }

  /** The function, which notes in `met` the products that nobody has measured. */
  watch<T extends unknown[], R>(fn: (...args: T) => R, met: MetProducts): (...args: T) => R {
    return (...args) => {
      this.#choice.onUnmeasured = (product, description) => {
        if (met.has(product)) return;
        for (const { dataId } of description.inputs) keepData(this.#backend, dataId);
        met.set(product, description);
      };
      try {
        return fn(...args);
      } finally {
        this.#choice.onUnmeasured = undefined;
      }
    };
  }

  /** Measures products, those with most work first, and keeps what came out. */
  async measure(met: MetProducts): Promise<void> {
    const start = performance.now();
    for (const [product, description] of [...met].sort(([, a], [, b]) => b.flop - a.flop)) {
      if (performance.now() - start > BUDGET_MS) break;
      this.#choice.measured.set(product, await this.#fastest(description));
    }
    // A machine where nothing can be kept measures again.
    await this.#store.write(formatTiles(this.#choice.measured)).catch(() => {});
  }

  release(met: MetProducts): void {
    for (const { inputs } of met.values()) for (const { dataId } of inputs) releaseData(this.#backend, dataId);
    met.clear();
  }

  async #fastest(product: UnmeasuredProduct): Promise<GemmTile> {
    let [best, leastMs] = [product.tiles[0]!, Number.POSITIVE_INFINITY];
    let wanted: Float32Array | undefined;
    let repeats = bounded(FLOP_PER_RUN / product.flop);
    for (const tile of product.tiles) {
      const time = () => this.#time(product, tile, repeats).catch(() => undefined);
      let measured = await time();
      if (measured && !wanted && measured.ms < MS_PER_RUN) {
        repeats = bounded((repeats * MS_PER_RUN) / measured.ms);
        measured = await time();
      }
      if (!measured) continue; // the device refuses it
      wanted ??= measured.values;
      // All tiles sum in the same order: a compiler that fuses otherwise would show here, and its tile is not taken.
      if (!sameBits(measured.values, wanted)) continue;
      if (measured.ms < leastMs * (1 - LEAST_GAIN)) [best, leastMs] = [tile, measured.ms];
    }
    return best;
  }

  /** Commands are recorded first, so that the host has no part in the time. */
  async #time(
    { run }: UnmeasuredProduct,
    tile: GemmTile,
    repeats: number,
  ): Promise<{ ms: number; values: Float32Array }> {
    const repeated = () => {
      let product: Tensor | undefined;
      for (let i = 0; i < repeats; i++) {
        product?.dispose();
        product = run(tile);
      }
      return product!;
    };
    const replay = await verifiedReplay(this.#backend, [repeated], []);
    try {
      let [ms, values] = [Number.POSITIVE_INFINITY, new Float32Array()];
      for (let round = 0; round < NUM_ROUNDS; round++) {
        const start = performance.now();
        const [product] = replay.run([]);
        await this.#backend.device.queue.onSubmittedWorkDone();
        ms = Math.min(ms, performance.now() - start);
        if (round === 0) values = (await product!.data()) as Float32Array<ArrayBuffer>;
        product!.dispose();
      }
      return { ms, values };
    } finally {
      replay.dispose();
    }
  }
}

/** What is no tile of ours, of another version or broken, is left out: it is measured again. */
function parseTiles(text = '{}', known: readonly GemmTile[]): Map<string, GemmTile> {
  const tiles = new Map(known.map((tile) => [nameOfTile(tile), tile]));
  const measured = new Map<string, GemmTile>();
  for (const [product, name] of Object.entries(keptTiles(text))) {
    const tile = tiles.get(String(name));
    if (tile) measured.set(product, tile);
  }
  return measured;
}

function keptTiles(text: string): object {
  try {
    const { tiles } = JSON.parse(text) as { tiles?: unknown };
    return typeof tiles === 'object' && tiles !== null ? tiles : {};
  } catch {
    return {};
  }
}

function formatTiles(measured: ReadonlyMap<string, GemmTile>): string {
  const tiles = Object.fromEntries([...measured].map(([product, tile]) => [product, nameOfTile(tile)]));
  return `${JSON.stringify({ tiles }, null, 1)}\n`;
}
