// Makes the figures and pictures of docs/editing.md, all of them: evaluateEdits.mjs and showEdits.mjs on the bundled model,
// their sheets into docs/images/editing, their table and lists of what is read between the page's markers. Stopped, it goes
// on where it was.
// node scripts/editingPage.mjs --out <working folder> [--count 200] [--iterated-count 200] [--device auto] (build first)
import { spawnSync } from 'node:child_process';
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { writeFileAtomic } from '@muse/checkpoint/node';
import { editTasks, formatEditScores } from '../dist/index.js';

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string', default: '200' },
    'iterated-count': { type: 'string', default: '200' },
    device: { type: 'string', default: 'auto' },
  },
});
if (!values.out) throw new Error('expected --out FOLDER');
const inRepository = (path) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const page = inRepository('docs/editing.md');
const images = inRepository('docs/images/editing');
const SHOWN = 12;

function run(script, ...options) {
  const shared = ['--model', inRepository('packages/model-emoji/model'), '--device', values.device];
  const file = fileURLToPath(new URL(script, import.meta.url));
  const { status } = spawnSync(process.execPath, [file, ...shared, ...options], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  if (status !== 0) process.exit(status ?? 1);
}

await mkdir(images, { recursive: true });
run('showEdits.mjs', '--out', images);
const isIterated = (task) => task.startsWith('edit');
const parts = [
  { name: 'inpaint', tasks: editTasks.filter((task) => !isIterated(task)), count: values.count },
  { name: 'edit', tasks: editTasks.filter(isIterated), count: values['iterated-count'] },
];
const scores = [];
for (const { name, tasks, count } of parts) {
  const out = join(values.out, name);
  run('evaluateEdits.mjs', '--out', out, '--tasks', tasks.join(), '--count', count, '--examples', String(SHOWN));
  const report = JSON.parse(await readFile(join(out, 'report.json'), 'utf8'));
  scores.push(report);
  for (const task of tasks) await copyFile(join(out, `${task}.png`), join(images, `${task}.png`));
}

const together = (key) => Object.assign({}, ...scores.map((report) => report[key]));
const sections = {
  edits: formatEditScores(together('tasks')),
  ceiling: formatEditScores(together('rightPictures')),
  untouched: formatEditScores(together('nothingDone')),
};
let text = await readFile(page, 'utf8');
for (const [name, table] of Object.entries(sections)) {
  const marker = new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- /${name} -->)`);
  if (!marker.test(text)) throw new Error(`expected <!-- ${name} --> … <!-- /${name} --> in ${page}, got neither`);
  text = text.replace(marker, (_, start, end) => `${start}\n${table}\n\n${end}`);
}
await writeFileAtomic(page, text);
