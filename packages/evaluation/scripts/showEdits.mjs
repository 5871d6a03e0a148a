// Draws the sheets of edits that no classifier reads: variations by strength, an outpainting, the iterations of a
// mask-free edit, and both stages of a generation. Into a folder, one PNG each.
// node scripts/showEdits.mjs --model <folder> --out <folder> [--seed 0] [--device auto] (build first)
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { writeFileAtomic } from '@muse/checkpoint/node';
import { caption, heldOutPrompts } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { encodePng, resize } from '@muse/muse';
import { Muse } from '@muse/muse/node';
import { contactSheet, editRequests, renderRgba } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    out: { type: 'string' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'auto' },
  },
});
if (!values.model || !values.out) throw new Error('expected --model FOLDER --out FOLDER');
const seed = Number(values.seed);
const NUM_ROWS = 4;
const strengths = [0, 0.25, 0.5, 0.75, 1];
const iterations = [1, 10, 25, 50, 100];

const backend = await createBackend({ device: values.device });
const muse = await Muse.fromPretrained(values.model, { backend });
const atlas = await loadAtlas();
const [imageSize] = muse.hasSuperRes ? muse.index.superResImageSize : muse.index.imageSize;
const scenes = heldOutPrompts('single', NUM_ROWS, seed);
await mkdir(values.out, { recursive: true });

async function variations({ scene, prompt }) {
  const image = renderRgba(atlas, scene, imageSize);
  const row = [image];
  for (const strength of strengths) row.push(...(await muse.variations({ image, prompt, strength, seed })));
  return row;
}

async function outpainting({ scene }) {
  const image = renderRgba(atlas, scene, imageSize);
  const prompt = caption(scene);
  const margin = imageSize / 2;
  const grown = await muse.outpaint({ image, prompt, left: margin, right: margin, seed });
  return [image, grown];
}

async function iterationsOfEdit({ image, prompt, oldPrompt, seed }) {
  const row = [image];
  const onStep = async ({ stage, step, tokenIds, grid }) => {
    if (stage !== 'base' || !iterations.includes(step)) return;
    row.push(resize(await muse.decodeTokens(tokenIds, grid), imageSize, imageSize));
  };
  row.push(await muse.edit({ image, prompt, negativePrompt: oldPrompt, seed, onStep }));
  return row;
}

async function bothStages({ prompt, seed }) {
  const [made] = await muse.generate({ prompt, seed });
  const base = await muse.decodeTokens(made.base.tokenIds, made.base.grid);
  return [resize(base, imageSize, imageSize), made];
}

const edits = [...editRequests({ atlas, task: 'editObject', count: NUM_ROWS, seed, imageSize })];
const sheets = {
  variations: [scenes, variations],
  outpaint: [scenes.slice(0, 3), outpainting],
  iterations: [edits, iterationsOfEdit],
  ...(muse.hasSuperRes && { stages: [heldOutPrompts('single', 8, seed), bothStages] }),
};
for (const [name, [items, draw]] of Object.entries(sheets)) {
  const rows = [];
  for (const item of items) rows.push(await draw(item));
  const laidOut = name === 'stages' ? [rows.slice(0, 4).flat(), rows.slice(4).flat()] : rows;
  await writeFileAtomic(join(values.out, `${name}.png`), encodePng(contactSheet(laidOut)));
  process.stderr.write(`${name}.png\n`);
}
await muse.dispose();
await backend.dispose();
