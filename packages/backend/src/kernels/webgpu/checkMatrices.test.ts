import { describeBackends, expectNoLeaks } from '@muse/test-utils';
import { expect, it } from 'vitest';
import type { TfjsWebgpu } from '../../plan/tfjsWebgpu.js';
import { checkMatrices } from './checkMatrices.js';
import type { GpuTraits } from './gemmTiles.js';
import { TileChoice, tileChoice } from './tileChoice.js';

describeBackends(
  'matrices of a device',
  (backend) => {
    const tfjs = () => backend().tf.backend() as unknown as TfjsWebgpu;

    /** What is left of what a device is said to have. */
    async function checked(traits: GpuTraits): Promise<GpuTraits['matrices']> {
      const choice = new TileChoice(tfjs().device.limits, traits);
      await expectNoLeaks(backend(), () => checkMatrices(tfjs(), choice));
      return choice.traits.matrices;
    }

    it('are left where they multiply as they say', async ({ skip }) => {
      const { traits } = tileChoice();
      if (!traits.matrices.f16) skip('this adapter has none of halves');
      expect(await checked(traits)).toEqual(traits.matrices);
    });

    it('are not believed of a device without them, or with subgroups of another size', async () => {
      const { isPinned, matrices } = tileChoice().traits;
      const f16 = matrices.f16 ?? { M: 8, N: 8, K: 8 };
      const i8 = { M: 8, N: 8, K: 8 }; // are compared in each product
      expect(await checked({ isPinned, matrices: { f16, i8 }, subgroupSize: 4 })).toEqual({ i8 });
      await backend().checkErrors();
    });

    it('need no check where there are none', async () => {
      expect(await checked({ isPinned: false, matrices: {} })).toEqual({});
    });
  },
  { devices: ['webgpu'] },
);
