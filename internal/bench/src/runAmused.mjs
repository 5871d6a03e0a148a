// Times aMUSEd here; a line of JSON per measurement. The twin of python/run_amused.py.
// Args: model folder, device, dtype, images in a batch, steps.
import { createBackend } from '@muse/backend';
import { openModelFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { loadClipTextEncoder } from '@muse/clip-encoder';
import { loadUViT } from '@muse/masked-transformer';
import { Muse } from '@muse/muse';
import { loadVQModel } from '@muse/vqgan';
import { report } from './startDevice.mjs';

const [model, device, dtype, batchSize, numSteps] = process.argv.slice(2);
const batch = Number(batchSize);
const WARM_RUNS = 3;
const FIRST_STEPS = 2;

async function timed(measure, run) {
  const start = performance.now();
  const result = await run();
  const peakMb = Math.round(process.resourceUsage().maxRSS / 1024);
  report({ measure, ms: performance.now() - start, peakMb });
  return result;
}

/** A first run apart: it makes what later ones reuse. */
async function measure(name, run) {
  await run();
  for (let i = 0; i < WARM_RUNS; i++) await timed(name, run);
}

const parts = await timed('load', async () => {
  const backend = await createBackend({ device, dtype });
  const { index, component } = await openModelFolder(nodeFolder(model));
  const tokenizerFolder = (await component('tokenizer')).folder;
  return {
    backend,
    index,
    textEncoder: await loadClipTextEncoder(backend, await component('text_encoder'), { tokenizerFolder, dtype }),
    transformer: await loadUViT(backend, await component('transformer'), { dtype }),
    vqgan: await loadVQModel(backend, await component('vqvae')),
  };
});
const { backend, transformer, vqgan } = parts;
const { tf } = backend;
const { latentSize, textDim, pooledTextDim } = transformer.config;
// As pipelines do it: on tensorflow row by row, elsewhere a batch.
const rows = backend.name === 'tensorflow' ? 1 : 2 * batch;
const numCalls = (2 * batch) / rows;
const prepared = transformer.prepare({
  textEmbeds: tf.randomNormal([rows, 77, textDim]),
  pooledEmbeds: tf.randomNormal([rows, pooledTextDim]),
  microConditioning: Array.from({ length: rows }, () => [512, 512, 0, 0, 6]),
});
const tokenIds = tf.fill([rows, latentSize ** 2], transformer.maskTokenId, 'int32');
const codes = tf.zeros([batch, latentSize, latentSize], 'int32');

async function readAll(outputs) {
  for (const output of outputs) {
    await output.data();
    output.dispose();
  }
}

/** The two first runs apart make what later ones reuse. */
async function measurePlan(name, fn, inputs, options) {
  const plan = await backend.capture(fn, inputs, options);
  const run = async () => readAll(await plan.run(inputs));
  await run();
  await measure(name, run);
  plan.dispose();
}

const isLeaf = (value) => value instanceof tf.Tensor || typeof value !== 'object' || value === null;
const tensorsOf = (value) => (isLeaf(value) ? [value] : Object.values(value).flatMap(tensorsOf));
const { dispose, ...fields } = prepared;
const inputs = Array(numCalls)
  .fill([tokenIds, ...tensorsOf(fields)])
  .flat();
function forward(ids, ...tensors) {
  const replaced = (value) => {
    if (isLeaf(value)) return tensors.shift();
    if (Array.isArray(value)) return value.map(replaced);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, replaced(field)]));
  };
  return transformer.forward(ids, replaced(fields));
}
await measurePlan('forward', forward, inputs, { numCalls });
if (backend.name === 'webgpu') await measurePlan('decode', (ids) => vqgan.decode(ids), [codes]);
else await measure('decode', () => readAll([vqgan.decode(codes)]));
dispose();

const muse = new Muse(parts);
const prompt = 'a photo of a red cat';
const onStep = ({ step }) => report({ step });
const generate = (steps) => muse.generate({ prompt, seed: 1, count: batch, numSteps: steps, onStep });
await timed('first pipeline', () => generate(FIRST_STEPS));
await timed('pipeline', () => generate(Number(numSteps)));
process.exit(0);
