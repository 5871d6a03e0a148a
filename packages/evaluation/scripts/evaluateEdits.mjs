// Measures a model's edits over held-out scenes: inpainting of an object and of one of a pair, mask-free edits of object,
// style and background, read by the bundled classifier. Into a folder: every picture, report.json, report.md (a table and
// what each sheet shows), a sheet of the first pictures of each task. Stopped, it goes on where it was.
// node scripts/evaluateEdits.mjs --model <folder> --out <folder> [--count 200] [--tasks inpaintObject,…] [--seed 0]
// [--device auto] [--base-only] [--strength 1] [--guidance 4] [--examples 24] (build first)
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { writeFileAtomic } from '@muse/checkpoint/node';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { encodePng } from '@muse/muse';
import { Muse } from '@muse/muse/node';
import { contactSheet, editTasks, evaluateEdits, formatEditScores, renderRgba } from '../dist/index.js';
import { loadBundledClassifier } from '../dist/node/index.js';
import { interruptible } from './shared/interruptible.mjs';
import { describeModel, openPictureFolder, twoToARow } from './shared/pictureFolder.mjs';
import { progressLine } from './shared/progress.mjs';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    out: { type: 'string' },
    count: { type: 'string', default: '200' },
    tasks: { type: 'string', default: editTasks.join() },
    seed: { type: 'string', default: '0' },
    device: { type: 'string', default: 'auto' },
    'base-only': { type: 'boolean', default: false },
    strength: { type: 'string' },
    guidance: { type: 'string' },
    examples: { type: 'string', default: '24' },
  },
});
if (!values.model || !values.out) throw new Error('expected --model FOLDER --out FOLDER');
const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
const [count, seed, examples] = [number('count'), number('seed'), number('examples')];
const tasks = values.tasks.split(',');
/** Of mask-free edits; what is left out is the paper's. */
const editSettings = { strength: number('strength'), guidanceScale: number('guidance') };

const backend = await createBackend({ device: values.device });
const muse = await Muse.fromPretrained(values.model, { backend });
const classifier = await loadBundledClassifier(backend, 'classifier');
const atlas = await loadAtlas();
const superRes = muse.hasSuperRes && !values['base-only'];
const [imageSize] = superRes ? muse.index.superResImageSize : muse.index.imageSize;
const settings = { ...(await describeModel(muse, values.model)), seed, imageSize, superRes, ...editSettings };
const folder = await openPictureFolder(values.out, settings);
const shared = { classifier, atlas, imageSize, count, seed, tasks };

/** Rows of the sheets. */
const shown = new Map(tasks.map((task) => [task, []]));
const progress = progressLine(Object.fromEntries(tasks.map((task) => [task, count])));
const stages = muse.hasSuperRes ? { superRes } : {};

function run(request, signal) {
  const { image, mask, prompt, oldPrompt, seed } = request;
  const options = { image, prompt, seed, signal, ...stages };
  if (mask) return muse.inpaint({ ...options, mask });
  return muse.edit({ ...options, ...editSettings, negativePrompt: oldPrompt });
}

/** White where an image may be repainted. */
const maskPicture = ({ width, height, data }) => ({
  ...{ width, height },
  data: Uint8ClampedArray.from({ length: 4 * data.length }, (_, i) => (i % 4 === 3 || data[i >> 2] !== 0 ? 255 : 0)),
});

const report = await interruptible((signal) =>
  evaluateEdits({
    ...shared,
    signal,
    async edit(request) {
      const { task, index, image, mask } = request;
      const name = `${task}-${String(index).padStart(4, '0')}`;
      const make = () => progress.timed(task, async () => [await run(request, signal)]);
      const [picture] = await folder.pictures([name], make);
      if (index < examples) shown.get(task).push([image, ...(mask ? [maskPicture(mask)] : []), picture]);
      return picture;
    },
    onProgress: ({ task }) => progress.step(task),
  }),
);
progress.end();

/** The picture that was asked for, as the last stage's tokenizer gives it back: what no edit can be expected to beat. */
async function reconstruct({ target }) {
  const stage = superRes ? 'super-res' : 'base';
  const { tokenIds, grid } = await muse.encodeImage(renderRgba(atlas, target, imageSize), stage);
  return muse.decodeTokens(tokenIds, grid, stage);
}
const rightPictures = (await evaluateEdits({ ...shared, edit: reconstruct })).tasks;
const nothingDone = (await evaluateEdits({ ...shared, edit: ({ image }) => image })).tasks;
classifier.dispose();
await muse.dispose();

const whatIsRead = ({ expected, got }) =>
  Object.entries(got)
    .map(([key, value]) => (expected[key] === value ? value : `**${value}**`))
    .join(', ');
const sections = [`## What the classifier reads\n\n${formatEditScores(report.tasks)}`];
sections.push(`## The pictures that were asked for, through the tokenizer\n\n${formatEditScores(rightPictures)}`);
sections.push(`## The pictures as they were\n\n${formatEditScores(nothingDone)}`);
for (const task of tasks) {
  const rows = shown.get(task);
  const sheet = contactSheet(twoToARow(rows), { scale: imageSize < 128 ? 2 : 1 });
  await writeFileAtomic(join(values.out, `${task}.png`), encodePng(sheet));
  const lines = report.answers
    .filter((answer) => answer.task === task && answer.index < examples)
    .map((answer) => `1. ${answer.oldPrompt} → ${answer.prompt}: ${whatIsRead(answer)}`);
  const legend =
    'Before, mask if there is one, after; two to a row. What is read, bold where it is not what was asked for:';
  sections.push(`## ${task}\n\n![${task}](${task}.png)\n\n${legend}\n\n${lines.join('\n')}`);
}
const text = sections.join('\n\n');
await writeFileAtomic(join(values.out, 'report.md'), `${text}\n`);
const json = { ...settings, ...report, rightPictures, nothingDone };
await writeFileAtomic(join(values.out, 'report.json'), `${JSON.stringify(json, null, 2)}\n`);
process.stdout.write(`${sections.slice(0, 3).join('\n\n')}\n`);
await backend.dispose();
