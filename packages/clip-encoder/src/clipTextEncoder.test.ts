import { type ModelComponent, openModelFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { describeBackends, expectNoLeaks, expectTensorClose, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { loadClipTextEncoder } from './loadClip.js';

/** internal/fixtures/python/amused.py: transformers 4.57.6, seeds in each manifest.json. */
const goldens = ['amused-tiny', 'amused-tiny-512style'] as const;
const prompts = [
  'a photo of a red cat on the Moon',
  "CAFÉ au lait — naïve ½ ﬁne 猫 😀 it's  2nd",
  '',
  'low quality, blurry',
];
const tolerance = 1e-5;

async function golden(name: string) {
  const root = nodeFolder(fixturePath(`amused/${name}`));
  const folder = await openModelFolder(root);
  const component: ModelComponent = await folder.component('text_encoder');
  const { folder: tokenizerFolder } = await folder.component('tokenizer');
  return { component, tokenizerFolder, expected: loadGolden(fixturePath(`amused/${name}/expected.safetensors`)) };
}

describeBackends('ClipTextEncoder', (running) => {
  it.each(goldens)("gives transformers' ids, states and projections: %s", async (name) => {
    const { component, tokenizerFolder, expected } = await golden(name);
    const encoder = await loadClipTextEncoder(running(), component, { tokenizerFolder });
    const { ids } = encoder.tokenizer!.encodeBatch(prompts, 77);
    expect(ids).toEqual(expected.get('text.ids')!.data);
    const { penultimate, last, projected } = encoder.encode(prompts);
    await expectTensorClose(penultimate, expected.get('text.penultimate')!, tolerance, 'penultimate');
    await expectTensorClose(projected, expected.get('text.embeds')!, tolerance, 'projected');
    tf.dispose([penultimate, last, projected]);
    encoder.dispose();
  });

  it('leaks nothing', async () => {
    const { component, tokenizerFolder } = await golden('amused-tiny');
    await expectNoLeaks(running(), async () => {
      const encoder = await loadClipTextEncoder(running(), component, { tokenizerFolder });
      tf.dispose({ ...encoder.encode(['a cat']) });
      encoder.dispose();
    });
  });
});
