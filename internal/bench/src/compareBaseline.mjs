import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { describeDevices } from '@muse/backend';
import { compareRatios, comparisonTable, isLoss, MIN_LOSS, MIN_ROUNDS, ratiosOf } from './baseline.mjs';
import { measureRounds } from './measureDevice.mjs';

const DEFAULT_ROUNDS = '5';

/** What was asked for can't be done: one line, exit code 2. */
class UsageError extends Error {}

/**
 * Measures the ops on each device and prints them beside the baseline. Where something seems lost, as many rounds again: it is
 * lost only if all of them say so.
 *
 * @param {{ device?: string[], rounds?: string, baseline: string }} options those of the command
 * @returns {Promise<number>} the exit code: 1 where something is lost, 2 for options that do not fit
 */
export function compareWithBaseline(options, machine) {
  return orUsage(async () => {
    const rounds = roundsOf(options);
    const baselines = readBaselines(options.baseline);
    if (!baselines) {
      throw new UsageError(`expected a baseline in ${options.baseline} (pnpm bench --save-baseline), got none`);
    }
    const available = await availableDevices();
    const devices = options.device ?? Object.keys(baselines).filter((name) => available.has(name));
    for (const device of devices) {
      expectAvailable(available, device);
      if (!baselines[device]) {
        throw new UsageError(`expected a device of the baseline, ${Object.keys(baselines).join(', ')}, got ${device}`);
      }
    }
    if (devices.length === 0) throw new UsageError('expected a device of the baseline that is there, got none');
    let numLost = 0;
    for (const device of devices) {
      const rows = await compareDevice(device, rounds, baselines[device].ratios);
      numLost += rows.filter(isLoss).length;
      print(`### ${device} (${available.get(device)})`, noteOn(baselines[device], machine), comparisonTable(rows));
    }
    print(`${numLost} lost (by more than ${100 * MIN_LOSS} %, and in every round below every round of the baseline)`);
    return numLost > 0 ? 1 : 0;
  });
}

/** Measures the ops on each device and writes their ratios to the baseline, in the place of what it had of the device. */
export function saveBaseline(options, machine) {
  return orUsage(async () => {
    const rounds = roundsOf(options);
    const available = await availableDevices();
    const devices = options.device ?? [...available.keys()];
    for (const device of devices) expectAvailable(available, device);
    for (const device of devices) {
      const ratios = roundedTo3(ratiosOf(await measureRounds(device, rounds)));
      const date = new Date().toISOString().slice(0, 10);
      const entry = { date, machine, description: available.get(device), ratios };
      const baselines = { ...readBaselines(options.baseline), [device]: entry };
      writeFileSync(`${options.baseline}.tmp`, toJson(baselines));
      renameSync(`${options.baseline}.tmp`, options.baseline);
    }
    print(`${devices.join(', ')}: saved to ${options.baseline}`);
    return 0;
  });
}

async function compareDevice(device, rounds, before) {
  const results = await measureRounds(device, rounds);
  const rows = compareRatios(before, ratiosOf(results));
  if (!rows.some(isLoss)) return rows;
  process.stderr.write(`${device}: something seems lost, ${rounds} rounds more\n`);
  results.push(...(await measureRounds(device, rounds)));
  return compareRatios(before, ratiosOf(results));
}

function noteOn({ date, machine: theirs }, machine) {
  const note = `Baseline of ${date}, ${theirs}.`;
  return theirs === machine ? note : `${note} This is ${machine}: ratios differ from machine to machine.`;
}

async function orUsage(action) {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`[bench] ${error.message}\n`);
    return 2;
  }
}

function roundsOf({ rounds = DEFAULT_ROUNDS }) {
  if (Number.isInteger(Number(rounds)) && Number(rounds) >= MIN_ROUNDS) return Number(rounds);
  throw new UsageError(`expected --rounds of at least ${MIN_ROUNDS}, got ${rounds}`);
}

function readBaselines(path) {
  if (!existsSync(path)) return undefined;
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UsageError(`expected JSON in ${path}, got: ${error.message}`);
  }
}

/** Names of the devices that are there, and what they are. */
async function availableDevices() {
  const found = (await describeDevices()).filter(({ isAvailable }) => isAvailable);
  return new Map(found.map(({ name, detail }) => [name, detail]));
}

function expectAvailable(available, device) {
  if (!available.has(device)) {
    throw new UsageError(`expected a device that is there, ${[...available.keys()].join(', ')}, got ${device}`);
  }
}

function roundedTo3(ratios) {
  return JSON.parse(JSON.stringify(ratios), (_, value) =>
    typeof value === 'number' ? Math.round(1000 * value) / 1000 : value,
  );
}

/** Numbers of a list on one line. */
function toJson(value) {
  return `${JSON.stringify(value, null, 2).replace(/\[[^\]]*\]/g, (list) => list.replace(/\s+/g, ' ').replace('[ ', '[').replace(' ]', ']'))}\n`;
}

function print(...parts) {
  process.stdout.write(`${parts.join('\n\n')}\n\n`);
}
