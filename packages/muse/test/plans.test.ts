import { fixturePath } from '@muse/fixtures';
import { describeBackends } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { Muse } from '../src/node/index.js';

/** Two steps: the first is the recorded call, the second a run of the plan. */
const few = { numSteps: 2 };
const models = [
  ['the bundled model', '@muse/model-emoji', { ...few, superResSampling: few }],
  ['a small aMUSEd', fixturePath('amused/amused-tiny'), few],
] as const;

describeBackends(
  'plans',
  (backend) => {
    const load = (source: string) =>
      Muse.fromPretrained(source, {
        backend: backend(),
        ...(source.startsWith('@') && { resolveFrom: import.meta.url }),
      });

    // The first image of a pipeline is computed op by op where a later one comes from a plan: each pass of the first step, the decoder.
    it.each(models)("make no difference to an image's bytes: %s", async (_, source, sampling) => {
      const alone = await load(source);
      const [image] = await alone.generate({ prompt: 'a cat', seed: 3, ...sampling });
      const again = await alone.generate({ prompt: 'a cat', seed: 3, ...sampling });
      const [varied] = await alone.variations({ image: image!, prompt: 'a dog', seed: 5, strength: 0.5, ...sampling });
      await alone.dispose();

      const batch = await load(source);
      const images = await batch.generate({ prompt: 'a cat', seed: 1, count: 3, ...sampling });
      const variations = await batch.variations({
        image: image!,
        prompt: 'a dog',
        seed: 4,
        count: 2,
        strength: 0.5,
        ...sampling,
      });
      await batch.dispose();

      expect(images[2]!.data).toEqual(image!.data);
      expect(again[0]!.data).toEqual(image!.data);
      expect(variations[1]!.data).toEqual(varied!.data);
      expect(images[1]!.data).not.toEqual(image!.data);
    });
  },
  { devices: ['tensorflow'] }, // on webgpu a capture compares
);
