#!/usr/bin/env node
/**
 * Whether memory grows with generations: many images of prompts that take turns, with what the device and the process hold told
 * on the way. Ends with exit code 1 if there are more tensors, or more of the device's memory, at the end than after the first
 * tenth.
 *
 *   node packages/muse/scripts/measureGrowth.mjs [--model @muse/model-emoji] [--device wasm] [--count 1000] [--steps 4]
 */
import { parseArgs } from 'node:util';
import { Muse } from '../dist/node/index.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: '@muse/model-emoji' },
    device: { type: 'string', default: 'auto' },
    count: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '4' },
  },
});
const count = Number(args.count);
const tenth = Math.max(1, Math.floor(count / 10));
const prompts = ['a smiling cat', 'three apples', 'a dog left of a car', 'a red heart'];

const muse = await Muse.fromPretrained(args.model, { device: args.device, resolveFrom: import.meta.url });
const { tf } = muse.backend;
const held = () => {
  const { numTensors, numBytes, numBytesAllocatedInGPU = 0 } = tf.memory();
  return { numTensors, megabytes: Math.max(numBytes, numBytesAllocatedInGPU) / 2 ** 20 };
};
process.stdout.write(`${args.model} on ${muse.backend.capabilities.description}\n`);
process.stdout.write('| images | tensors | on the device, MB | process, MB |\n|---|---|---|---|\n');
let settled;
for (let made = 1; made <= count; made++) {
  await muse.generate({ prompt: prompts[made % prompts.length], seed: made, numSteps: Number(args.steps) });
  if (made % tenth !== 0) continue;
  const now = held();
  settled ??= now;
  const process_ = process.memoryUsage.rss() / 2 ** 20;
  process.stdout.write(`| ${made} | ${now.numTensors} | ${now.megabytes.toFixed(1)} | ${process_.toFixed(0)} |\n`);
}
const { numTensors, megabytes } = held();
if (numTensors > settled.numTensors || megabytes > settled.megabytes) process.exitCode = 1;
await muse.dispose();
