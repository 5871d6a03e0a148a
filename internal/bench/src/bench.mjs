// pnpm bench [--device name]… [--rounds 2]: everything is measured in one run, ours and stock tfjs in turns, so that
// the ratios hold on a busy machine too. Writes docs/performance.json and prints the tables of docs/performance.md.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeDevices } from '@muse/backend';
import { install } from '../../../scripts/install.mjs';

const { values } = parseArgs({
  options: { device: { type: 'string', multiple: true }, rounds: { type: 'string', default: '2' } },
});
const root = fileURLToPath(new URL('../../../', import.meta.url));
const model = join(root, 'packages/model-emoji/model');
const trainingBatch = { tensorflow: 32, wasm: 4, webgpu: 2, cpu: 1 };
/** Devices too slow for a training step of the bundled model. */
const noTraining = new Set(['cpu', 'webgpu']);

await install();
const reports = await describeDevices();
const available = reports.filter(({ isAvailable }) => isAvailable).map(({ name }) => name);
const devices = values.device ?? available;

/** The smaller of each figure over the rounds: what the machine can do when nothing else disturbs it. */
function best(results) {
  return results.reduce((a, b) => merge(a, b));
}
function merge(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  if (a && b && typeof a === 'object')
    return Object.fromEntries(Object.keys(a).map((key) => [key, merge(a[key], b[key])]));
  return a;
}

function child(script, args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const output = execFileSync(process.execPath, [path, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(output.trim().split('\n').at(-1));
}

function inTurns(script, device, args = []) {
  const runs = { muse: [], stock: [] };
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const side of ['stock', 'muse']) {
      process.stderr.write(`${device}: ${script}, ${side}, round ${round + 1}\n`);
      runs[side].push(child(script, [device, side, ...args]));
    }
  }
  return { muse: best(runs.muse), stock: best(runs.stock) };
}

/** Wall time of the whole command, from nothing to a PNG on the disk. */
function commandMs(device) {
  const folder = mkdtempSync(join(tmpdir(), 'muse-bench-'));
  const start = performance.now();
  const args = ['generate', 'a smiling cat, 3D style', '--seed', '1', '--device', device, '--model', model];
  execFileSync(process.execPath, [join(root, 'apps/cli/dist/muse.js'), ...args], { cwd: folder, stdio: 'ignore' });
  const elapsedMs = Math.round(performance.now() - start);
  rmSync(folder, { recursive: true });
  return elapsedMs;
}

const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  devices: {},
};
for (const device of devices) {
  const entry = { description: reports.find(({ name }) => name === device).detail };
  entry.ops = inTurns('./runOps.mjs', device);
  if (!noTraining.has(device)) entry.training = inTurns('./runTraining.mjs', device, [String(trainingBatch[device])]);
  process.stderr.write(`${device}: from a prompt to a PNG\n`);
  entry.generate = child('./runGenerate.mjs', [device, model]);
  entry.commandMs = [commandMs(device), commandMs(device)];
  report.devices[device] = entry;
}

const path = join(root, 'docs/performance.json');
let history = [];
try {
  history = JSON.parse(readFileSync(path, 'utf8'));
} catch (error) {
  if (error.code !== 'ENOENT') throw error;
}
writeFileSync(`${path}.tmp`, `${JSON.stringify([...history, report], null, 1)}\n`);
renameSync(`${path}.tmp`, path);
printTables(report);

function printTables({ machine, devices: entries }) {
  const say = (text) => process.stdout.write(`${text}\n`);
  const ms = (x) => (x === undefined ? 'fails' : x.toFixed(x < 10 ? 2 : 0));
  const ratio = (stock, muse) => (stock === undefined ? '–' : `${(stock / muse).toFixed(2)}×`);
  say(`${machine}\n`);
  for (const [device, { description, ops, training, generate, commandMs: command }] of Object.entries(entries)) {
    say(
      `### ${device} (${description})\n\n| ms | stock | ours | | stock, with gradient | ours | |\n|---|---|---|---|---|---|---|`,
    );
    for (const [name, muse] of Object.entries(ops.muse)) {
      const stock = ops.stock[name];
      const forward = `${ms(stock.forwardMs)} | ${ms(muse.forwardMs)} | ${ratio(stock.forwardMs, muse.forwardMs)}`;
      say(
        `| ${name} | ${forward} | ${ms(stock.gradientMs)} | ${ms(muse.gradientMs)} | ${ratio(stock.gradientMs, muse.gradientMs)} |`,
      );
    }
    if (training) {
      const { muse, stock } = training;
      say(
        `| training step, batch ${muse.batchSize} | | | | ${ms(stock.stepMs)} | ${ms(muse.stepMs)} | ${ratio(stock.stepMs, muse.stepMs)} |`,
      );
    }
    say('\n| stage | ms | peak MB |\n|---|---|---|');
    for (const [name, { ms: elapsed, peakMb }] of Object.entries(generate)) say(`| ${name} | ${elapsed} | ${peakMb} |`);
    say(`| the command, first and second run | ${command.join(', ')} | |\n`);
  }
}
