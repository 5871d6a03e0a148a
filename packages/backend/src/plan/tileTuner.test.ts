import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { afterEach, expect, it } from 'vitest';
import type { TextStore } from '../devices/platform/platform.js';
import { createBackend } from '../index.js';
import { nameOfTile, tilesFor } from '../kernels/webgpu/gemmTiles.js';
import { tileChoice } from '../kernels/webgpu/tileChoice.js';
import type { TfjsWebgpu } from './tfjsWebgpu.js';
import { TileTuner } from './tileTuner.js';
import { webgpuPlan } from './webgpuPlan.js';

const bits = async (tensor: Tensor) => [...new Uint32Array((await tensor.data()).slice().buffer)];
const PRODUCT = 'matrix1_1__1__false 67×29×21×1';

/** What was written, after what was there. */
function memoryStore(...texts: string[]): TextStore & { readonly texts: string[] } {
  return {
    texts,
    read: async () => texts.at(-1),
    write: async (text) => {
      texts.push(text);
    },
  };
}

describeBackends(
  'tiles of products',
  (backend) => {
    const tfjs = () => backend().tf.backend() as unknown as TfjsWebgpu;
    const known = () => tilesFor('f32', tileChoice().tiles);
    afterEach(() => tileChoice().measured.clear());

    /** A plan of a product with what was measured before, and the bits of its result. */
    async function planned(store: TextStore): Promise<number[]> {
      const { tf, ops } = backend();
      const [x, weight] = [
        tf.randomNormal([67, 21], 0, 1, 'float32', 3),
        tf.randomNormal([21, 29], 0, 1, 'float32', 5),
      ];
      const tuner = await TileTuner.open(tfjs(), store);
      const plan = await webgpuPlan(tfjs(), [(rows) => ops.linear(rows, weight as Tensor2D)], [x], { tuner });
      const [product] = await plan.run([x]);
      const result = await bits(product!);
      plan.dispose();
      tf.dispose([x, weight, product!]);
      return result;
    }

    it('are measured once, kept, and change no bit', async () => {
      await expectNoLeaks(backend(), async () => {
        const store = memoryStore();
        const first = await planned(store);
        expect(store.texts).toHaveLength(1);
        const { tiles } = JSON.parse(store.texts[0]!) as { tiles: Record<string, string> };
        expect(Object.keys(tiles)).toEqual([PRODUCT]);
        expect(known().map(nameOfTile)).toContain(tiles[PRODUCT]);
        expect(await planned(store)).toEqual(first);
        expect(store.texts).toHaveLength(1);
        for (const tile of known().map(nameOfTile)) {
          tileChoice().measured.clear();
          const kept = memoryStore(JSON.stringify({ tiles: { [PRODUCT]: tile } }));
          expect(await planned(kept)).toEqual(first);
          expect(nameOfTile(tileChoice().measured.get(PRODUCT)!)).toBe(tile);
          expect(kept.texts).toHaveLength(1);
        }
      });
    });

    it('are measured again where what was kept is broken, and where nothing can be kept', async () => {
      for (const text of ['', 'null', '{"tiles":7}', `{"tiles":{"${PRODUCT}":"7x7"}}`]) {
        const store = memoryStore(text);
        await planned(store);
        expect(store.texts).toHaveLength(2);
        tileChoice().measured.clear();
      }
      const refuse = () => Promise.reject(new Error('no space'));
      await planned({ read: refuse, write: refuse });
      expect(tileChoice().measured.has(PRODUCT)).toBe(true);
    });

    it('are let go when the function can not be captured', async () => {
      const { tf, ops } = backend();
      const [x, weight] = [tf.ones([67, 21]), tf.ones([21, 29]) as Tensor2D];
      await expectNoLeaks(backend(), async () => {
        const tuner = await TileTuner.open(tfjs(), memoryStore());
        const reads = (rows: Tensor) => tf.mul(ops.linear(rows, weight), ops.linear(rows, weight).dataSync()[0]!);
        await expect(webgpuPlan(tfjs(), [reads], [x], { tuner })).rejects.toThrow('no reading of values');
        expect(tileChoice().measured.size).toBe(0);
      });
      tf.dispose([x, weight]);
    });

    it('are left alone on software adapters, unless it is asked for', async () => {
      const { tf, ops, capabilities } = backend();
      const [x, weight] = [tf.ones([67, 21]), tf.ones([21, 29]) as Tensor2D];
      const plan = await backend().capture((rows) => ops.linear(rows, weight), [x]);
      expect(tileChoice().measured.size > 0).toBe(capabilities.isGpu);
      plan.dispose();
      tf.dispose([x, weight]);
    });
  },
  { devices: ['webgpu'] },
);

it('keeps measurements in a file of the cache folder', async ({ skip }) => {
  const folder = await mkdtemp(join(tmpdir(), 'muse-tiles-'));
  const before = process.env.MUSE_CACHE;
  process.env.MUSE_CACHE = join(folder, 'cache');
  try {
    const backend = await createBackend({ device: 'webgpu', autotune: true }).catch((error: Error) =>
      skip(error.message),
    );
    const { tf, ops } = backend;
    const [x, weight] = [tf.ones([67, 21]), tf.ones([21, 29]) as Tensor2D];
    const plan = await backend.capture((rows) => ops.linear(rows, weight), [x]);
    const names = await readdir(join(folder, 'cache'));
    expect(names).toEqual([expect.stringMatching(/^webgpu-tiles-[A-Za-z0-9-]+\.json$/)]);
    expect(JSON.parse(await readFile(join(folder, 'cache', names[0]!), 'utf8'))).toHaveProperty(['tiles', PRODUCT]);
    plan.dispose();
    tf.dispose([x, weight]);
    await backend.dispose();
  } finally {
    if (before === undefined) delete process.env.MUSE_CACHE;
    else process.env.MUSE_CACHE = before;
    await rm(folder, { recursive: true });
  }
});
