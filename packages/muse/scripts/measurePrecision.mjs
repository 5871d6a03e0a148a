#!/usr/bin/env node
/**
 * What fewer bits do to pictures: the share of tokens that stay those of f32, and the PSNR of the pixels, over a few prompts
 * at the same seeds, in each dtype of the device.
 *
 *   node packages/muse/scripts/measurePrecision.mjs [--model @muse/model-emoji] [--device webgpu] [--count 8] [--dtypes f16,q8]
 */
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { Muse } from '../dist/node/index.js';

const { values: args } = parseArgs({
  options: {
    model: { type: 'string', default: '@muse/model-emoji' },
    device: { type: 'string', default: 'webgpu' },
    count: { type: 'string', default: '8' },
    dtypes: { type: 'string' },
  },
});
const prompts = ['a smiling cat', 'three apples', 'a dog left of a car', 'a red heart', 'a big rocket', 'two stars'];
const { device } = args;
const backend = await createBackend({ device });

async function draw(dtype) {
  const muse = await Muse.fromPretrained(args.model, { device, dtype });
  const images = [];
  const start = performance.now();
  for (let i = 0; i < Number(args.count); i++) {
    images.push(...(await muse.generate({ prompt: prompts[i % prompts.length], seed: i, superRes: false })));
  }
  await muse.dispose();
  return { images, seconds: (performance.now() - start) / 1000 };
}

const print = (line) => process.stdout.write(`${line}\n`);
const reference = await draw('f32');
print(`${args.model}, ${args.count} images on ${backend.capabilities.description}`);
print('| dtype | equal tokens | equal images | PSNR of the rest, dB | s |\n|---|---|---|---|---|');
for (const dtype of args.dtypes?.split(',') ?? backend.dtypes) {
  const { images, seconds } = await draw(dtype);
  let [equal, total, equalImages] = [0, 0, 0];
  const psnrs = [];
  for (const [i, { tokenIds, data }] of images.entries()) {
    const wanted = reference.images[i];
    total += tokenIds.length;
    equal += tokenIds.reduce((count, id, at) => count + (id === wanted.tokenIds[at] ? 1 : 0), 0);
    const squares = data.reduce((sum, value, at) => sum + (value - wanted.data[at]) ** 2, 0);
    if (squares === 0) equalImages++;
    else psnrs.push(10 * Math.log10((255 ** 2 * data.length * 0.75) / squares)); // three of four bytes are colours
  }
  const psnr = psnrs.length > 0 ? (psnrs.reduce((sum, value) => sum + value, 0) / psnrs.length).toFixed(1) : '–';
  print(
    `| ${dtype} | ${((100 * equal) / total).toFixed(1)}% | ${equalImages} of ${images.length} | ${psnr} | ${seconds.toFixed(0)} |`,
  );
}
await backend.dispose();
