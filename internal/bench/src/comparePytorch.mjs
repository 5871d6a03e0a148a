import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from '../../../scripts/install.mjs';
import { runChild } from './child.mjs';
import { cacheFolder, pythonWithDiffusers, runPython } from './pythonEnvironment.mjs';
import { ratio, table } from './tables.mjs';

/** Loading, and each pass of a slow machine, may take minutes. */
const SILENCE_MS = 1_200_000;

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/**
 * aMUSEd-256 at its full size with random weights, ours and diffusers' on the CPU in turns: a forward pass of the UViT for both
 * halves of guidance, the VQ decoder, the whole pipeline, peak memory.
 *
 * @param {{ device: string, dtypes: string[], batches: number[], numSteps: number, rounds: number, python?: string }} options
 * @returns per dtype and batch what each side measured
 */
export async function comparePytorch({ device, dtypes, batches, numSteps, rounds, python: given }) {
  const python = pythonWithDiffusers(given);
  const model = join(cacheFolder, 'amused-256');
  if (!existsSync(model)) {
    process.stderr.write(`Random weights to ${model} (1.7 GB) …\n`);
    mkdirSync(cacheFolder, { recursive: true });
    runPython(python, [here('../python/make_amused.py'), model, join(root, 'internal/fixtures/amused/amused-tiny')]);
  }
  const sides = {
    muse: (dtype, batch) => [process.execPath, [here('runAmused.mjs'), model, device, dtype, batch, numSteps]],
    diffusers: (dtype, batch) => [python, [here('../python/run_amused.py'), model, dtype, batch, numSteps]],
  };
  const results = [];
  for (const dtype of dtypes) {
    for (const batch of batches) {
      const result = { dtype, batch, numSteps };
      for (let round = 0; round < rounds; round++) {
        for (const [side, commandOf] of Object.entries(sides)) {
          const [command, args] = commandOf(dtype, batch);
          result[side] = merge(
            result[side],
            await measure(`${side}, ${dtype}, batch ${batch}`, command, args.map(String)),
          );
        }
      }
      results.push(result);
    }
  }
  return results;
}

/** @returns {Promise<Record<string, { ms: number, peakMb: number }>>} the least of each measure */
async function measure(name, command, args) {
  const onEntry = ({ measure: what, ms }) => what && process.stderr.write(`${name}: ${what} ${Math.round(ms)} ms\n`);
  const { entries, problem } = await runChild(command, args, { onEntry, silenceMs: SILENCE_MS });
  if (problem) process.stderr.write(`${name} fails: ${problem}\n`);
  const results = {};
  for (const { measure: what, ms, peakMb } of entries) {
    if (what) results[what] = { ms: Math.min(ms, results[what]?.ms ?? ms), peakMb };
  }
  return results;
}

/** The better of two rounds, measure by measure. */
function merge(a = {}, b = {}) {
  const better = (what) => (!b[what] || a[what]?.ms < b[what].ms ? a[what] : b[what]);
  return Object.fromEntries(Object.keys({ ...a, ...b }).map((what) => [what, better(what)]));
}

const names = {
  load: 'load',
  forward: 'UViT forward, both halves of guidance',
  decode: 'VQ decode',
  'first pipeline': 'the first pipeline of a process, 2 steps',
  pipeline: 'pipeline',
};

/** As it stands in docs/performance.md: seconds, and how many times as fast ours is; ours against diffusers' f32 too. */
export function pytorchTable(results) {
  const seconds = (side, what) => (side?.[what] ? (side[what].ms / 1000).toFixed(2) : 'fails');
  const rows = results.flatMap(({ dtype, batch, numSteps, muse, diffusers }) => {
    const baseline = results.find((other) => other.dtype === 'f32' && other.batch === batch)?.diffusers;
    const timed = Object.entries(names).map(([what, name]) => [
      `${name}${what === 'pipeline' ? `, ${numSteps} steps` : ''}, ${dtype}, batch ${batch}`,
      `${seconds(diffusers, what)} s`,
      `${seconds(muse, what)} s`,
      ratio(diffusers?.[what]?.ms, muse?.[what]?.ms),
      ratio(baseline?.[what]?.ms, muse?.[what]?.ms),
    ]);
    const peak = (side) => side?.pipeline?.peakMb;
    const memory = (side) => (peak(side) ? `${peak(side)} MB` : 'fails');
    const less = [ratio(peak(diffusers), peak(muse)), ratio(peak(baseline), peak(muse))];
    return [...timed, [`peak memory, ${dtype}, batch ${batch}`, memory(diffusers), memory(muse), ...less]];
  });
  return table(['aMUSEd-256, random weights', 'diffusers', 'ours', '', 'of diffusers f32'], rows);
}
