#!/usr/bin/env node
/**
 * Time and memory of a random-weight transformer against tokens, steps, batch and parameters, measured and drawn beside what the
 * sizes say. Writes an SVG each and the points (costCurves.json) to docs/images/performance; prints a table. Linux: each point is
 * a process, whose peak memory is read from /proc.
 *
 *   node internal/bench/src/costCurves.mjs [--device tensorflow] [--rounds 3] [--curve tokens]… [--redraw] [--out folder]
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { install, root } from '../../../scripts/install.mjs';
import { runChild } from './child.mjs';
import { logLogChart } from './logLogChart.mjs';
import { table } from './tables.mjs';
import { slopeOf } from './transformerCost.mjs';

/** The preset `emoji` with four layers, one row of 256 tokens, unless a curve changes it. */
const base = { numLayers: 4, latentSize: 16 };
const curves = {
  tokens: {
    label: 'tokens of a picture',
    points: [8, 12, 16, 24, 32, 48, 64].map((side) => ({ x: side ** 2, config: { ...base, latentSize: side } })),
  },
  steps: {
    label: 'steps of a decode, two rows each',
    points: [1, 2, 4, 8, 16, 32].map((numSteps) => ({ x: numSteps, config: base, numRows: 2, numSteps })),
  },
  batch: {
    label: 'rows of a batch',
    points: [1, 2, 4, 8, 16, 32].map((numRows) => ({ x: numRows, config: base, numRows })),
  },
  parameters: {
    label: 'parameters, by the width',
    points: [64, 128, 256, 512, 1024].map((width) => ({
      config: { ...base, hiddenSize: width, mlpDim: 4 * width, numHeads: width / 64 },
    })),
  },
};

const { values: args } = parseArgs({
  options: {
    device: { type: 'string', default: 'tensorflow' },
    rounds: { type: 'string', default: '3' },
    curve: { type: 'string', multiple: true, default: Object.keys(curves) },
    redraw: { type: 'boolean', default: false },
    out: { type: 'string', default: join(root, 'docs/images/performance') },
  },
});
const rounds = Number(args.rounds);
if (!(Number.isInteger(rounds) && rounds > 0)) refuse('--rounds of at least 1', args.rounds);
const unknown = args.curve.find((name) => !(name in curves));
if (unknown) refuse(`--curve to be one of ${Object.keys(curves).join(', ')}`, unknown);

if (!args.redraw) await install();
mkdirSync(args.out, { recursive: true });
const dataPath = join(args.out, 'costCurves.json');
const measured = existsSync(dataPath) ? JSON.parse(readFileSync(dataPath, 'utf8')) : {};
for (const name of args.curve) {
  if (!args.redraw) measured[name] = await measureCurve(name);
  if (!measured[name]) refuse(`a measured curve ${name} in ${dataPath}`, 'none');
  write(join(args.out, `${name}.svg`), chart(name, measured[name]));
}
write(dataPath, `${JSON.stringify(measured, null, 1)}\n`);
process.stdout.write(
  `${table(
    [
      'against',
      'from – to',
      'processor time: slope',
      'expected',
      'larger half',
      'expected',
      'memory: slope',
      'expected',
      'larger half',
      'expected',
    ],
    args.curve.map((name) => [name, ...slopes(measured[name])]),
  )}\n`,
);
process.exit(0);

async function measureCurve(name) {
  const points = [];
  for (const { x, numRows = 1, ...point } of curves[name].points) {
    const given = JSON.stringify({ ...point, numRows, rounds });
    const script = fileURLToPath(new URL('runCost.mjs', import.meta.url));
    const { entries, problem } = await runChild(process.execPath, ['--expose-gc', script, args.device, given], {
      silenceMs: 900_000,
    });
    if (problem) throw new Error(`[costCurves] ${name}, ${given}: ${problem}`);
    points.push({ x: x ?? entries[0].numParameters, ...entries[0] });
    const { processorMs, memoryBytes } = entries[0];
    process.stderr.write(
      `${name} ${points.at(-1).x}: ${processorMs.toFixed(1)} ms of processor, ${(memoryBytes / 1e6).toFixed(0)} MB\n`,
    );
  }
  const date = new Date().toISOString().slice(0, 10);
  return { device: args.device, date, machine: `${cpus().length} × ${cpus()[0].model}`, rounds, points };
}

/** Expected time: the FLOP, by the speed at the largest point. Expected memory: of the sizes alone. */
function expected({ points }) {
  const { flop, processorMs } = points.at(-1);
  return {
    time: points.map((point) => [point.x, (point.flop * processorMs) / flop]),
    memory: points.map((point) => [point.x, point.expectedBytes / 1e6]),
  };
}

function chart(name, curve) {
  const { points, device, machine } = curve;
  const of = (value) => points.map((point) => [point.x, value(point)]);
  const { time, memory } = expected(curve);
  return logLogChart({
    title: `Cost against ${curves[name].label}`,
    note: `${device}, ${machine}`,
    xLabel: curves[name].label,
    panels: [
      {
        yLabel: 'ms',
        series: [
          { name: 'expected: FLOP', points: time, kind: 'line' },
          { name: 'clock', points: of(({ clockMs }) => clockMs), kind: 'ring' },
          { name: 'processor', points: of(({ processorMs }) => processorMs), kind: 'dot' },
        ],
      },
      {
        yLabel: 'MB',
        series: [
          { name: 'expected', points: memory, kind: 'line' },
          { name: 'tensors', points: of(({ tensorBytes }) => tensorBytes / 1e6), kind: 'ring' },
          { name: 'peak of the process', points: of(({ memoryBytes }) => memoryBytes / 1e6), kind: 'dot' },
        ],
      },
    ],
  });
}

function slopes(curve) {
  const { points } = curve;
  const { time, memory } = expected(curve);
  const pair = (mine, theirs) => {
    const half = Math.floor(points.length / 2);
    return [mine, theirs, mine.slice(half), theirs.slice(half)].map((some) => slopeOf(some).toFixed(2));
  };
  const number = (x) => (x < 1e5 ? String(x) : `${(x / 1e6).toFixed(1)}M`);
  return [
    `${number(points[0].x)} – ${number(points.at(-1).x)}`,
    ...pair(
      points.map(({ x, processorMs }) => [x, processorMs]),
      time,
    ),
    ...pair(
      points.map(({ x, memoryBytes }) => [x, memoryBytes]),
      memory,
    ),
  ];
}

function write(path, text) {
  writeFileSync(`${path}.tmp`, text);
  renameSync(`${path}.tmp`, path);
}

function refuse(expectation, got) {
  process.stderr.write(`[costCurves] expected ${expectation}, got ${got}\n`);
  process.exit(2);
}
