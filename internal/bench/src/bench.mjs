// pnpm bench [--device name]… [--rounds 2] [--output file]: everything is measured in one run, ours and stock tfjs in turns,
// so that the ratios hold on a busy machine too. Adds to docs/performance.json, prints the tables of docs/performance.md.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeDevices } from '@muse/backend';
import { install, root } from '../../../scripts/install.mjs';
import { measureDevice } from './measureDevice.mjs';
import { deviceTables } from './tables.mjs';

const { values } = parseArgs({
  options: {
    device: { type: 'string', multiple: true },
    rounds: { type: 'string', default: '2' },
    output: { type: 'string', default: join(root, 'docs/performance.json') },
  },
});

await install();
const report = {
  date: new Date().toISOString().slice(0, 10),
  machine: `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`,
  devices: {},
};
const found = (await describeDevices()).filter(({ isAvailable }) => isAvailable);
for (const device of values.device ?? found.map(({ name }) => name)) {
  const description = found.find(({ name }) => name === device)?.detail;
  if (!description) throw new Error(`[bench] expected a device that is there, got ${device}`);
  report.devices[device] = { description, ...(await measureDevice(device, Number(values.rounds))) };
}
addTo(values.output, report);
process.stdout.write(`${report.machine}\n`);
for (const [device, entry] of Object.entries(report.devices)) {
  process.stdout.write(`\n${deviceTables(device, entry)}\n`);
}
process.exit(0);

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
