import { caption } from './captions.js';
import { type SceneKind, sampleScene } from './scene.js';

/** One row of eight of the sheet. */
const row: readonly SceneKind[] = ['single', 'single', 'single', 'single', 'count', 'count', 'pair', 'pair'];
const NUM_ROWS = 8;
/** Far from the seeds of training and of the suite; never changed to make the sheet look better. */
const FIRST_SEED = 64_000_000_000;

/**
 * The 64 prompts of the sheet by which models are compared at a glance, as in prompts.txt: eight rows of four singles,
 * two counts and two pairs, drawn from seeds. Rows 1, 3, 5, 7 are of the train split; rows 2, 4, 6, 8 are held out.
 */
export const fixedPrompts: readonly string[] = Array.from({ length: NUM_ROWS * row.length }, (_, i) => {
  const isHeldOut = Math.floor(i / row.length) % 2 === 1;
  const kind = row[i % row.length]!;
  return caption(sampleScene({ seed: FIRST_SEED + i, split: isHeldOut ? 'heldOut' : 'train', kinds: { [kind]: 1 } }));
});
