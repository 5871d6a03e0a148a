// Measures a model: the prompt suite, judged by the bundled classifier; the tokenizer's reconstruction; and what the suite
// says of the right pictures after they went through the tokenizer, which no transformer on top of it can be expected to beat.
// node scripts/evaluate.mjs --model <folder> [--count 500] [--pairs 500] [--counts 500] [--seed 0] [--out report.json]
// [--device auto] [--base-only: of a cascade] [--steps, --guidance, …: the model's own if left out] (build first)
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { openModelFolder } from '@muse/checkpoint';
import { nodeFolder } from '@muse/checkpoint/node';
import { heldOutPrompts, renderScene, sceneKinds } from '@muse/emoji-scenes';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { Muse } from '@muse/muse/node';
import { loadVQGAN } from '@muse/vqgan';
import { evaluateReconstruction, evaluateSuite, formatScores } from '../dist/index.js';
import { loadBundledClassifier } from '../dist/node/index.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    count: { type: 'string', default: '500' },
    counts: { type: 'string' },
    pairs: { type: 'string' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string' },
    device: { type: 'string', default: 'auto' },
    'base-only': { type: 'boolean', default: false },
    steps: { type: 'string' },
    guidance: { type: 'string' },
    'sample-temperature': { type: 'string' },
  },
});
if (!values.model) throw new Error('expected --model FOLDER');
const number = (name) => (values[name] === undefined ? undefined : Number(values[name]));
const [seed, single] = [number('seed'), number('count')];
const count = { single, count: number('counts') ?? single, pair: number('pairs') ?? single };
const settings = {
  numSteps: number('steps'),
  guidanceScale: number('guidance'),
  sampleTemperature: number('sample-temperature'),
};

const backend = await createBackend({ device: values.device });
const muse = await Muse.fromPretrained(values.model, { backend });
const stages = muse.hasSuperRes ? { superRes: !values['base-only'] } : {};
const classifier = await loadBundledClassifier(backend, 'classifier');
const abort = new AbortController();
process.once('SIGINT', () => abort.abort());

async function* generate(prompts) {
  for (const prompt of prompts) {
    const [image] = await muse.generate({ ...settings, ...stages, ...prompt, signal: abort.signal });
    yield image;
  }
}

const start = performance.now();
const suite = await evaluateSuite({
  generate,
  classifier,
  count,
  seed,
  signal: abort.signal,
  onProgress({ done, total, kind }) {
    const secondsLeft = (((performance.now() - start) / done) * (total - done)) / 1000;
    process.stderr.write(`\r${done} of ${total} (${kind}), ${secondsLeft.toFixed(0)} s left   `);
  },
});
process.stderr.write('\n');
await muse.dispose();

const folder = await openModelFolder(nodeFolder(values.model));
const vqgan = await loadVQGAN(backend, await folder.component('vqgan'));
const atlas = await loadAtlas();
const reconstruction = await evaluateReconstruction({ backend, vqgan, atlas, seed, signal: abort.signal });

const scenes = new Map(
  sceneKinds.flatMap((kind) => heldOutPrompts(kind, count[kind], seed)).map(({ prompt, scene }) => [prompt, scene]),
);
/** The right pictures, as the tokenizer gives them back. */
async function* reconstruct(prompts) {
  const { tf } = backend;
  const [height, width] = folder.index.imageSize;
  for (const { prompt } of prompts) {
    const pixels = renderScene(atlas, scenes.get(prompt), height);
    const decoded = tf.tidy(() => vqgan.decode(vqgan.encode(tf.tensor4d(pixels, [1, height, width, 3]))));
    yield await decoded.data();
    decoded.dispose();
  }
}
const { answers: _, ...ceiling } = await evaluateSuite({ generate: reconstruct, classifier, count, seed });
vqgan.dispose();
classifier.dispose();

const { meanPsnr, psnrOfMean, codesUsed, codebookSize } = reconstruction;
process.stdout.write(
  `${formatScores(suite)}\n\nthe right pictures through the tokenizer\n${formatScores(ceiling)}\n\n`,
);
process.stdout.write(
  `reconstruction  mean PSNR ${meanPsnr.toFixed(2)} dB, PSNR of the mean error ${psnrOfMean.toFixed(2)} dB, ${codesUsed} of ${codebookSize} codes\n`,
);
if (values.out) {
  const report = {
    model: folder.index.name,
    settings: { ...settings, ...stages },
    device: backend.capabilities.description,
    ...suite,
    reconstruction,
    ceiling,
  };
  await writeFile(values.out, `${JSON.stringify(report, null, 2)}\n`);
}
await backend.dispose();
