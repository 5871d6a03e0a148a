#!/usr/bin/env node
/**
 * GPU commands and host time of one forward pass of a transformer at its full size, op by op and as a plan, with the plain
 * ops and with the fused kernels. On Dawn's null backend nothing is computed: what is left is what the host does.
 *
 *   node internal/bench/src/hostTime.mjs [--model amused-256] [--dtype f32] [--rows 2] [--adapter null] [--rounds 15]
 *
 * Weights in fewer bits are read by the fused kernels alone.
 */
import { parseArgs } from 'node:util';
import { referenceOps } from '@muse/backend';
import { makeForward, startWebgpu } from './makeForward.mjs';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: 'amused-256' },
    dtype: { type: 'string', default: 'f32' },
    rows: { type: 'string', default: '2' },
    adapter: { type: 'string', default: 'null' },
    rounds: { type: 'string', default: '15' },
  },
});
const [B, rounds] = [Number(args.rows), Number(args.rounds)];

const backend = await startWebgpu(args.adapter);
const { tf } = backend;

let numDispatches = 0;
const tfjs = tf.backend();
const { recordAndSubmit } = Object.getPrototypeOf(tfjs);
Object.getPrototypeOf(tfjs).recordAndSubmit = function (...call) {
  numDispatches++;
  return recordAndSubmit.apply(this, call);
};

// On the null backend a buffer holds what memory held: nothing to compare a plan's first run by.
if (args.adapter === 'null') Object.getPrototypeOf(tfjs).read = async () => new Float32Array(1);

const { config, numParameters, given, ids, transformerOf } = makeForward(backend, args.model, {
  numRows: B,
  dtype: args.dtype,
});
const values = new Int32Array(ids.size).fill(1);

const idle = () => backend.checkErrors();
/**
 * Host time of a step until its commands are submitted: the processor's own (which other processes on the machine do not
 * change much), and on the clock the median and the least.
 */
async function time(step) {
  const [processor, clock] = [[], []];
  for (let round = -3; round < rounds; round++) {
    const [start, before] = [performance.now(), process.cpuUsage()];
    const pending = step();
    const { user, system } = process.cpuUsage(before);
    if (round >= 0) {
      clock.push(performance.now() - start);
      processor.push((user + system) / 1000);
    }
    tf.dispose(await pending);
    await idle();
  }
  const median = (times) => times.sort((a, b) => a - b)[times.length >> 1];
  return { processor: median(processor), clock: median(clock), least: Math.min(...clock) };
}

const print = (line) => process.stdout.write(`${line}\n`);
const numbers = (count) => count.toLocaleString('en');
print(
  `${args.model} in ${args.dtype}: ${numbers(numParameters)} parameters, ${B} rows of ${config.latentSize ** 2} tokens`,
);
print(`${backend.capabilities.description} (${args.adapter}), Node ${process.version}\n`);
print('| ops | | GPU commands | processor ms | ms on the clock, median (least) | MB between commands |');
print('|---|---|---|---|---|---|');
for (const [name, ops] of [...(args.dtype === 'f32' ? [['plain', referenceOps]] : []), ['fused', backend.ops]]) {
  const transformer = transformerOf(ops);
  const prepared = transformer.prepare(given);
  const row = (kind, count, { processor, clock, least }, bytes) =>
    print(
      `| ${name} | ${kind} | ${count} | ${processor.toFixed(2)} | ${clock.toFixed(2)} (${least.toFixed(2)}) | ${bytes ? (bytes / 2 ** 20).toFixed(1) : ''} |`,
    );
  const attempts = {
    'op by op': async () => {
      transformer.forward(ids, prepared).dispose();
      numDispatches = 0;
      transformer.forward(ids, prepared).dispose();
      const count = numDispatches;
      await idle();
      row('op by op', count, await time(() => transformer.forward(ids, prepared)));
    },
    plan: async () => {
      const plan = await backend.capture((tokenIds) => transformer.forward(tokenIds, prepared), [ids]);
      row('plan', plan.dispatchCount, await time(() => plan.run([values])), plan.sizeBytes);
      plan.dispose();
    },
  };
  for (const [kind, attempt] of Object.entries(attempts)) {
    await attempt().catch((error) => print(`| ${name} | ${kind} | ${error.message.split('\n')[0]} | | | |`));
    await idle().catch(() => undefined);
  }
  prepared.dispose();
}
process.exit(0);
