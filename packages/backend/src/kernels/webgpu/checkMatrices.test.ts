import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { createBackend } from '../../index.js';
import type { TfjsWebgpu } from '../../plan/tfjsWebgpu.js';
import { checkMatrices } from './checkMatrices.js';
import { DEFAULT_TILE, tilesFor } from './gemmTiles.js';
import type { GpuTraits } from './gpuTraits.js';
import { TileChoice, tileChoice } from './tileChoice.js';

describeBackends(
  'matrices of a device',
  (backend) => {
    const tfjs = () => backend().tf.backend() as unknown as TfjsWebgpu;

    /** Whether a device that is said to have such matrices may use those of halves. */
    async function areTrusted(traits: GpuTraits): Promise<boolean> {
      const choice = new TileChoice(tfjs().device.limits, traits);
      expect(tilesFor('f16', choice.tiles)[0]).toBe(DEFAULT_TILE);
      await expectNoLeaks(backend(), () => checkMatrices(tfjs(), choice));
      return tilesFor('f16', choice.tiles)[0]!.kind === 'matrices';
    }

    it('are trusted where they multiply as they say, once a backend is made for halves', async ({ skip }) => {
      const choice = tileChoice();
      if (!choice.traits.matrices.f16) skip('this adapter has none of halves');
      expect(await areTrusted(choice.traits)).toBe(true);
      expect(tilesFor('f16', choice.tiles)[0]).toBe(DEFAULT_TILE);
      const other = await createBackend({ device: 'webgpu', dtype: 'w16a16' });
      expect(tilesFor('f16', choice.tiles)[0]).toMatchObject({ kind: 'matrices', shape: choice.traits.matrices.f16 });
      await other.dispose();
    });

    it('are not trusted of a device without them, or with subgroups of another size', async () => {
      const { isPinned, matrices } = tileChoice().traits;
      const f16 = matrices.f16 ?? { M: 8, N: 8, K: 8 };
      expect(await areTrusted({ isPinned, matrices: { f16 }, subgroupSize: 4 })).toBe(false);
      await backend().checkErrors();
    });

    it('need no check where there are none', async () => {
      expect(await areTrusted({ isPinned: false, matrices: {} })).toBe(false);
    });
  },
  { devices: ['webgpu'] },
);
