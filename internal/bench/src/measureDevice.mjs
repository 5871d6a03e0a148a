import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../../scripts/install.mjs';
import { runChild } from './child.mjs';

const model = join(root, 'packages/model-emoji/model');
/** Images in a training step; without one, a step of the bundled model would take minutes. */
const trainingBatch = { tensorflow: 32, wasm: 4 };
/** A command that takes longer is run once, and one that takes as long as this is ended: it reports no steps. */
const SLOW_MS = 60_000;
const ENDLESS_MS = 900_000;
/** Of a round among several: a figure is the least of its repeats, which other work on the machine changes least. */
const ofRound = { forMs: 400, pick: 'least' };

const say = (text) => process.stderr.write(`${text}\n`);
const script = (name) => fileURLToPath(new URL(name, import.meta.url));

/** Ops, a training step and the stages of a picture on one device, ours and stock tfjs in turns. */
export async function measureDevice(device, rounds) {
  const entry = { ops: await inTurns(rounds, (side) => measureOps(device, side)) };
  const batch = trainingBatch[device];
  if (batch) entry.training = await inTurns(rounds, (side) => measureTraining(device, side, batch));
  Object.assign(entry, await measureGenerate(device));
  entry.commandMs = await measureCommand(device);
  return entry;
}

/**
 * The ops alone, ours and stock tfjs in turns; what stands first changes from round to round.
 *
 * @param {string[]} [names] of the ops; all of them if left out
 * @returns {Promise<{ stock: object, muse: object }[]>} each round by itself
 */
export async function measureRounds(device, rounds, names) {
  const results = [];
  for (let round = 0; round < rounds; round++) {
    const result = {};
    for (const side of round % 2 === 0 ? ['stock', 'muse'] : ['muse', 'stock']) {
      result[side] = await measureOps(device, side, { ...ofRound, names });
    }
    results.push(result);
  }
  return results;
}

async function inTurns(rounds, measure) {
  const runs = { stock: [], muse: [] };
  for (let round = 0; round < rounds; round++) {
    for (const side of ['stock', 'muse']) runs[side].push(await measure(side));
  }
  return { muse: runs.muse.reduce(merge), stock: runs.stock.reduce(merge) };
}

/** The smaller of each figure over the rounds: what the machine can do when nothing else disturbs it. */
function merge(a, b) {
  if (typeof a === 'number' && typeof b === 'number') return Math.min(a, b);
  if (a && b && typeof a === 'object') {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    return Object.fromEntries([...keys].map((key) => [key, merge(a[key], b[key])]));
  }
  return a ?? b;
}

/** A case that ends the process (a lost GPU) or never ends fails by itself; a new process goes on with the next. */
async function measureOps(device, side, { forMs = 1200, pick = 'median', names = [] } = {}) {
  const results = {};
  let isDone = false;
  for (let first = 0; !isDone; ) {
    let current;
    const onEntry = (entry) => {
      if (entry.start) current = entry;
      if (!entry.result) return;
      results[entry.name] = { ...results[entry.name], ...entry.result };
      say(`${device}, ${side}: ${entry.name}: ${describe(entry.result)}`);
    };
    const args = [script('runOps.mjs'), device, side, String(first), String(forMs), pick, ...names];
    const { problem } = await runChild(process.execPath, args, { onEntry });
    if (problem && !current)
      throw new Error(`[bench] ${device}, ${side}: expected the device to start, got: ${problem}`);
    if (problem) {
      const failed = results[current.start]
        ? { gradientError: problem }
        : { forwardError: problem, gradientError: problem };
      results[current.start] = { ...results[current.start], ...failed };
      say(`${device}, ${side}: ${current.start}: ${describe(failed)}`);
    }
    first = current.index + 1;
    isDone = !problem || current.isLast;
  }
  return results;
}

function describe(result) {
  return Object.entries(result)
    .map(([key, value]) =>
      key.endsWith('Ms') ? `${key.slice(0, -2)} ${value.toFixed(2)} ms` : `${key.slice(0, -5)} fails (${value})`,
    )
    .join(', ');
}

async function measureTraining(device, side, batch) {
  const { entries, problem } = await runChild(process.execPath, [
    script('runTraining.mjs'),
    device,
    side,
    String(batch),
  ]);
  const result = entries[0] ?? { error: problem, batchSize: batch };
  say(
    `${device}, ${side}: training step ${result.error ? `fails: ${result.error}` : `${Math.round(result.stepMs)} ms`}`,
  );
  return result;
}

/** The stages that there are when a process fails in the middle, and why it did. */
async function measureGenerate(device) {
  const onEntry = ({ stage, ms }) => stage && say(`${device}: ${stage} ${ms} ms`);
  const { entries, problem } = await runChild(process.execPath, [script('runGenerate.mjs'), device, model], {
    onEntry,
  });
  if (problem) say(`${device}: from a prompt to pixels fails: ${problem}`);
  const stages = entries.filter(({ stage }) => stage);
  const generate = Object.fromEntries(stages.map(({ stage, ms, peakMb }) => [stage, { ms, peakMb }]));
  return { generate, ...(problem && { generateError: problem }) };
}

/** Wall time of the whole command, from nothing to a PNG on the disk: the first run and, unless it is slow, a second. */
async function measureCommand(device) {
  const times = [];
  do {
    const folder = mkdtempSync(join(tmpdir(), 'muse-bench-'));
    const start = performance.now();
    const args = ['generate', 'a smiling cat, 3D style', '--seed', '1', '--device', device, '--model', model];
    const options = { cwd: folder, silenceMs: ENDLESS_MS };
    const { problem } = await runChild(process.execPath, [join(root, 'apps/cli/dist/muse.js'), ...args], options);
    rmSync(folder, { recursive: true });
    if (problem) {
      say(`${device}: muse generate fails: ${problem}`);
      break;
    }
    times.push(Math.round(performance.now() - start));
    say(`${device}: muse generate ${times.at(-1)} ms`);
  } while (times.length < 2 && times[0] < SLOW_MS);
  return times;
}
