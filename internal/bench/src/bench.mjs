// pnpm bench [--device name]… [--rounds 2] [--output file]: everything is measured in one run, ours and stock tfjs in turns,
// so that the ratios hold on a busy machine too. Adds to docs/performance.json, prints the tables of docs/performance.md.
//
// pnpm bench --compare [--device name]… [--rounds 5] [--baseline file]: the ops alone, beside internal/bench/baseline.json; exit
// code 1 where more is lost than noise explains. --save-baseline makes that file, on a machine that does nothing else.
//
// pnpm bench --op name… [--device name]… [--rounds 5]: these ops alone, each round's ratio, with the load of the machine; adds to
// no file.
//
// pnpm bench --with-pytorch [--device tensorflow] [--dtype f32]… [--batch 1]… [--steps 12] [--python path]: aMUSEd-256 at its
// full size beside diffusers, in a virtual environment that it makes, or in the given Python.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeDevices } from '@muse/backend';
import { install, root } from '../../../scripts/install.mjs';
import { compareWithBaseline, saveBaseline } from './compareBaseline.mjs';
import { comparePytorch, pytorchTable } from './comparePytorch.mjs';
import { measureDevice, measureRounds } from './measureDevice.mjs';
import { deviceTables, roundsTable } from './tables.mjs';

const { values } = parseArgs({
  options: {
    device: { type: 'string', multiple: true },
    rounds: { type: 'string' },
    op: { type: 'string', multiple: true },
    compare: { type: 'boolean', default: false },
    'save-baseline': { type: 'boolean', default: false },
    baseline: { type: 'string', default: join(root, 'internal/bench/baseline.json') },
    'with-pytorch': { type: 'boolean', default: false },
    dtype: { type: 'string', multiple: true, default: ['f32', 'bf16'] },
    batch: { type: 'string', multiple: true, default: ['1'] },
    steps: { type: 'string', default: '12' },
    python: { type: 'string' },
    output: { type: 'string', default: join(root, 'docs/performance.json') },
  },
});

await install();
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  devices: {},
};
const rounds = Number(values.rounds ?? 2);
let exitCode = 0;
if (values.op) await benchOps(values.op);
else if (values['with-pytorch']) await benchPytorch();
else if (values.compare) exitCode = await compareWithBaseline(values, report.machine);
else if (values['save-baseline']) exitCode = await saveBaseline(values, report.machine);
else await benchDevices();
process.exit(exitCode);

async function benchDevices() {
  const found = await availableDevices();
  for (const device of values.device ?? found.map(({ name }) => name)) {
    const description = found.find(({ name }) => name === device)?.detail;
    if (!description) throw new Error(`[bench] expected a device that is there, got ${device}`);
    report.devices[device] = { description, ...(await measureDevice(device, rounds)) };
  }
  addTo(values.output, report);
  print(report.machine, ...Object.entries(report.devices).map(([device, entry]) => deviceTables(device, entry)));
}

async function benchOps(names) {
  for (const device of values.device ?? (await availableDevices()).map(({ name }) => name)) {
    const before = loadavg()[0];
    const results = await measureRounds(device, Number(values.rounds ?? 5), names);
    const load = `load ${before.toFixed(1)} at the start, ${loadavg()[0].toFixed(1)} at the end`;
    print(`### ${device}, ${report.machine}, ${load}`, roundsTable(results));
  }
}

async function availableDevices() {
  return (await describeDevices()).filter(({ isAvailable }) => isAvailable);
}

async function benchPytorch() {
  const [device = 'tensorflow'] = values.device ?? [];
  const { dtype: dtypes, python } = values;
  const batches = values.batch.map(Number);
  report.pytorch = await comparePytorch({ device, dtypes, batches, numSteps: Number(values.steps), rounds, python });
  addTo(values.output, report);
  print(report.machine, pytorchTable(report.pytorch));
}

function print(...parts) {
  process.stdout.write(`${parts.join('\n\n')}\n`);
}

/** The file holds the reports of all runs, the latest last. */
function addTo(path, entry) {
  let history = [];
  try {
    history = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  writeFileSync(`${path}.tmp`, `${JSON.stringify([...history, entry], null, 1)}\n`);
  renameSync(`${path}.tmp`, path);
}
