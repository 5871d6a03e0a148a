// Trains a scene classifier, measures it on held-out scenes, and writes config.json, model.safetensors and metrics.json.
// node scripts/trainClassifier.mjs --out model/classifier --seed 1 [--steps 3500] [--device tensorflow] (build first)
import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '@muse/backend';
import { loadAtlas } from '@muse/emoji-scenes/node';
import { measureClassifier, trainSceneClassifier } from '../dist/index.js';
import { loadClassifierFolder, saveSceneClassifier } from '../dist/node/index.js';

/** Of the scenes that a classifier is measured on; training draws its scenes from seeds below 2^32. */
const MEASURE_SEED = 7;
const LOG_EVERY = 50;

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    seed: { type: 'string', default: '1' },
    steps: { type: 'string', default: '3500' },
    batch: { type: 'string', default: '64' },
    recolour: { type: 'string', default: '0.3' },
    missing: { type: 'string', default: '0.25' },
    device: { type: 'string', default: 'tensorflow' },
    count: { type: 'string', default: '4000' },
  },
});
if (!values.out) throw new Error('expected --out FOLDER');
const names = ['seed', 'steps', 'batch', 'recolour', 'missing', 'count'];
const [seed, numSteps, batchSize, recolour, missing, count] = names.map((name) => Number(values[name]));

const backend = await createBackend({ device: values.device });
const atlas = await loadAtlas();
const start = performance.now();
let sum = 0;
const trained = await trainSceneClassifier({
  backend,
  atlas,
  seed,
  numSteps,
  batchSize,
  recolour,
  missing,
  onStep({ step, loss, learningRate }) {
    sum += loss;
    if (step % LOG_EVERY !== 0) return;
    const seconds = (performance.now() - start) / 1000;
    const mean = (sum / LOG_EVERY).toFixed(4);
    process.stderr.write(
      `${step}/${numSteps} loss ${mean} rate ${learningRate.toExponential(2)} ${seconds.toFixed(0)} s\n`,
    );
    sum = 0;
  },
});
const trainingSeconds = Math.round((performance.now() - start) / 1000);
await saveSceneClassifier(values.out, trained, { metadata: { seed: String(seed), steps: String(numSteps) } });
trained.dispose();

// What is measured is what was saved, at F16.
const classifier = await loadClassifierFolder(backend, values.out);
const heldOut = await measureClassifier({ classifier, atlas, count, seed: MEASURE_SEED });
const weights = await readFile(join(values.out, 'model.safetensors'));
const metrics = {
  seed,
  numSteps,
  batchSize,
  recolour,
  missing,
  trainingSeconds,
  device: backend.capabilities.description,
  processor: cpus()[0]?.model ?? 'unknown',
  sha256: createHash('sha256').update(weights).digest('hex'),
  heldOut,
};
await writeFile(join(values.out, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
for (const [head, { right, n, share }] of Object.entries(heldOut)) {
  process.stdout.write(`${head.padEnd(11)} ${(100 * share).toFixed(2)} %  ${right} of ${n}\n`);
}
classifier.dispose();
await backend.dispose();
