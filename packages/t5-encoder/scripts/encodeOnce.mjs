// node encodeOnce.mjs folder device file|int8 texts.json [states]: encodes texts with a streamed encoder in a process of its own and prints times and
// its peak memory as JSON.
import { readFile, writeFile } from 'node:fs/promises';
import { createBackend } from '@muse/backend';
import { openCheckpoint } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { openStreamedT5Encoder } from '../dist/index.js';

const [path, device, weights, textsFile, output] = process.argv.slice(2);
const texts = JSON.parse(await readFile(textsFile, 'utf8'));
const peakMb = () => Math.round(process.resourceUsage().maxRSS / 1024);

const backend = await createBackend({ device });
const folder = nodeFolder(path);
const component = {
  name: 'text_encoder',
  config: JSON.parse(await readFile(`${path}/config.json`, 'utf8')),
  folder,
  checkpoint: () => openCheckpoint(folder),
};
const beforeMb = peakMb();
let start = performance.now();
const encoder = await openStreamedT5Encoder(backend, component, { weights });
const openMs = performance.now() - start;

start = performance.now();
const tokenIds = texts.map((text) => encoder.tokenizer.encode(text, { maxLength: 64 }));
const tokenizeMs = performance.now() - start;

// Seconds of CPU beside those of the clock: on a machine that does other work these are what can be compared.
const stages = { embeddings: 0, weights: 0, compute: 0 };
const cpuStages = { embeddings: 0, weights: 0, compute: 0 };
const cpuMs = () => Object.values(process.cpuUsage()).reduce((sum, micros) => sum + micros, 0) / 1000;
let lastCpuMs = cpuMs();
start = performance.now();
const states = await encoder.encodeTokens(tokenIds, {
  onProgress: ({ stage, elapsedMs }) => {
    stages[stage] += elapsedMs;
    const now = cpuMs();
    cpuStages[stage] += now - lastCpuMs;
    lastCpuMs = now;
  },
});
const encodeMs = performance.now() - start;
if (output) await writeFile(output, Buffer.concat(states.map(({ embeds }) => Buffer.from(embeds.buffer))));
const report = {
  device: backend.capabilities.description,
  tokens: tokenIds.map(({ length }) => length),
  ...{ openMs, tokenizeMs, encodeMs, stages, cpuStages, beforeMb, peakMb: peakMb() },
};
process.stdout.write(`${JSON.stringify(report)}\n`);
await encoder.dispose();
await backend.dispose();
