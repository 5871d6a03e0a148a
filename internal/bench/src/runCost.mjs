// One point of the cost curves, in a process of its own: time and memory of a random-weight transformer. Args: device, and a
// JSON of { config, numRows, numSteps?, rounds }. With `numSteps` a whole decode by the sampler, two rows (guidance) a step;
// without, one forward pass. Needs --expose-gc.
import { readFileSync, writeFileSync } from 'node:fs';
import { createBackend } from '@muse/backend';
import { countParameters, initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
} from '@muse/masked-transformer';
import { decodeTokens } from '@muse/sampler';
import { median } from './baseline.mjs';
import { report } from './startDevice.mjs';
import { activationBytes, forwardFlop } from './transformerCost.mjs';

const numTextTokens = 24;
const [device, point] = process.argv.slice(2);
const { config: overrides, numRows, numSteps, rounds } = JSON.parse(point);
const config = resolveMaskedTransformerConfig('emoji', overrides);
process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
const backend = await createBackend({ device });
const { tf } = backend;
tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).dataSync();
const bytesBefore = process.memoryUsage().rss;

const specs = maskedTransformerParameters(config);
const model = new MaskedTransformer(backend, config, initParameters(backend, specs, 1));
const prepared = model.prepare({
  textEmbeds: tf.randomNormal([numRows, numTextTokens, config.textDim], 0, 1, 'float32', 1),
  textMask: tf.ones([numRows, numTextTokens]),
});
const S = config.latentSize ** 2;
const run = numSteps ? decode : forward;

async function forward() {
  const ids = tf.fill([numRows, S], model.maskTokenId, 'int32');
  const logits = model.forward(ids, prepared);
  await logits.data();
  tf.dispose([ids, logits]);
  return 1;
}

/** @returns the number of passes: a step that decides nothing asks for none */
async function decode() {
  let numPasses = 0;
  await decodeTokens({
    tokenIds: new Int32Array(S).fill(model.maskTokenId),
    seeds: [1],
    grid: [config.latentSize, config.latentSize],
    codebookSize: config.codebookSize,
    maskTokenId: model.maskTokenId,
    numSteps,
    async tokensToLogits(tokenIds) {
      numPasses++;
      const logits = tf.tidy(() => model.forward(tf.tensor2d([...tokenIds, ...tokenIds], [2, S], 'int32'), prepared));
      const values = await logits.data();
      logits.dispose();
      return { conditional: values.subarray(0, values.length / 2), unconditional: values.subarray(values.length / 2) };
    },
  });
  return numPasses;
}

// Warms up, too.
const { peakBytes: tensorBytes } = await tf.profile(forward);
globalThis.gc();
resetPeak();
const [processorMs, clockMs] = [[], []];
let numPasses;
for (let round = 0; round < rounds; round++) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  numPasses = await run();
  clockMs.push(performance.now() - start);
  const { user, system } = process.cpuUsage(before);
  processorMs.push((user + system) / 1000);
}
const numParameters = countParameters(specs);
report({
  processorMs: median(processorMs),
  clockMs: median(clockMs),
  memoryBytes: peakBytes() - bytesBefore,
  tensorBytes,
  numParameters,
  flop: numPasses * forwardFlop(config, { numRows, numTextTokens }),
  expectedBytes: 4 * numParameters + activationBytes(config, numRows),
});
process.exit(0);

/** Linux: what the process holds now counts as its peak. */
function resetPeak() {
  writeFileSync('/proc/self/clear_refs', '5');
}

function peakBytes() {
  return 1024 * Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))[1]);
}
