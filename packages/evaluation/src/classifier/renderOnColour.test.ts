import { backgroundColours, backgrounds, renderScene, sampleScene } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { expect, test } from 'vitest';
import { renderOnColour } from './renderOnColour.js';

test('is the plain render on the colour of each background, whatever background the scene has', async () => {
  const atlas = await loadAtlas();
  for (const [i, background] of backgrounds.entries()) {
    const scene = sampleScene({ seed: 50 + i, jitter: 2 });
    const expected = renderScene(atlas, { ...scene, background });
    const got = renderOnColour(atlas, scene, backgroundColours[background], 64);
    const worst = expected.reduce((most, x, j) => Math.max(most, Math.abs(x - got[j]!)), 0);
    expect(worst, background).toBeLessThan(1e-5);
  }
});
