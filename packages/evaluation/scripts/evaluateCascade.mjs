// Measures what the second stage adds: base pictures enlarged and the cascade's beside real renders of the same held-out
// scenes (Fréchet distance in the classifier's features, PSNR of edges and pixels), and how far fine pictures, reduced,
// agree with the base's. Of pictures from prompts (generated), of real pictures at the base's size (upscaled), and of real
// pictures that only went through each stage's tokenizer (tokenizers), which the stages cannot be expected to beat. Into a
// folder: every picture, report.json, report.md, a sheet of the first pictures. Stopped, it goes on where it was.
// node scripts/evaluateCascade.mjs --model <folder> --out <folder> [--count 200] [--pairs 200] [--counts 200] [--seed 0]
// [--device auto] [--sets generated,upscaled,tokenizers] [--examples 24] (build first)
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { writeFileAtomic } from '@muse/checkpoint/node';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { encodePng, resize } from '@muse/muse';
import { Muse } from '@muse/muse/node';
import { contactSheet, evaluateCascade, formatCascade, renderRgba } from '../dist/index.js';
import { loadBundledClassifier } from '../dist/node/index.js';
import { interruptible } from './shared/interruptible.mjs';
import { describeModel, openPictureFolder, twoToARow } from './shared/pictureFolder.mjs';
import { progressLine } from './shared/progress.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    out: { type: 'string' },
    count: { type: 'string', default: '200' },
    counts: { type: 'string' },
    pairs: { type: 'string' },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'auto' },
    sets: { type: 'string', default: 'generated,upscaled,tokenizers' },
    examples: { type: 'string', default: '24' },
  },
});
if (!values.model || !values.out) throw new Error('expected --model FOLDER --out FOLDER');
const [single, seed, examples] = [Number(values.count), Number(values.seed), Number(values.examples)];
const count = { single, count: Number(values.counts ?? single), pair: Number(values.pairs ?? single) };

const backend = await createBackend({ device: values.device });
const muse = await Muse.fromPretrained(values.model, { backend });
if (!muse.hasSuperRes) throw new Error(`expected a model with a super-resolution stage, got ${muse.index.name}`);
const classifier = await loadBundledClassifier(backend, 'classifier');
const atlas = await loadAtlas();
const [[baseSize], [fineSize]] = [muse.index.imageSize, muse.index.superResImageSize];
const settings = { ...(await describeModel(muse, values.model)), seed, count, baseSize, fineSize };
const folder = await openPictureFolder(values.out, settings);

/** [base, fine] of what a pipeline made. */
const bothStages = async (made) => [await muse.decodeTokens(made.base.tokenIds, made.base.grid), made];
const throughTokenizer = async (scene, size, stage) => {
  const { tokenIds, grid } = await muse.encodeImage(renderRgba(atlas, scene, size), stage);
  return muse.decodeTokens(tokenIds, grid, stage);
};
const makers = {
  async generated({ prompt, seed }, signal) {
    const [made] = await muse.generate({ prompt, seed, signal });
    return bothStages(made);
  },
  async upscaled({ prompt, seed, scene }, signal) {
    return bothStages(await muse.upscale({ image: renderRgba(atlas, scene, baseSize), prompt, seed, signal }));
  },
  tokenizers: ({ scene }) =>
    Promise.all([throughTokenizer(scene, baseSize, 'base'), throughTokenizer(scene, fineSize, 'super-res')]),
};
const sets = values.sets.split(',');
for (const set of sets) {
  if (!makers[set]) throw new Error(`expected --sets of ${Object.keys(makers)}, got ${set}`);
}

const total = count.single + count.count + count.pair;
const progress = progressLine(Object.fromEntries(sets.map((set) => [set, total])));
const enlarge = (picture, side) => resize(picture, side, side);
const reports = await interruptible(async (signal) => {
  const made = {};
  for (const set of sets) {
    const rows = [];
    made[set] = await evaluateCascade({
      classifier,
      atlas,
      baseSize,
      fineSize,
      count,
      seed,
      enlarge,
      signal,
      async produce(request) {
        const names = ['base', 'fine'].map((stage) => `${set}-${String(request.index).padStart(4, '0')}-${stage}`);
        const make = () => progress.timed(set, () => makers[set](request, signal));
        const [base, fine] = await folder.pictures(names, make);
        // Some of each kind.
        if (request.index % Math.ceil(total / examples) === 0) {
          rows.push([enlarge(base, fineSize), fine, renderRgba(atlas, request.scene, fineSize)]);
        }
        return { base, fine };
      },
      onProgress: () => progress.step(set),
    });
    await writeFileAtomic(join(values.out, `${set}.png`), encodePng(contactSheet(twoToARow(rows))));
  }
  return made;
});
progress.end();
classifier.dispose();
await muse.dispose();

const table = formatCascade(reports);
const legend = 'Sheets: the base enlarged, the fine picture, the real one; two to a row.';
const pictures = sets.map((set) => `![${set}](${set}.png)`).join('\n\n');
await writeFileAtomic(join(values.out, 'report.md'), `${table}\n\n${legend}\n\n${pictures}\n`);
const json = { ...settings, reports };
await writeFileAtomic(join(values.out, 'report.json'), `${JSON.stringify(json, null, 2)}\n`);
process.stdout.write(`${table}\n`);
await backend.dispose();
