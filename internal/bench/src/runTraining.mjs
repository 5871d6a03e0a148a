// Times one training step of the bundled base model: loss and gradients. Args: device, `muse` or `stock`, batch size.
import { countParameters, initParameters } from '@muse/checkpoint';
import {
  MaskedTransformer,
  maskedTokenLoss,
  maskedTransformerParameters,
  maskedTransformerPresets,
  sampleMasking,
} from '@muse/masked-transformer';
import { medianMs, reason, report, startDevice } from './startDevice.mjs';

const [device, side, batch] = process.argv.slice(2);
const B = Number(batch);
const backend = await startDevice(device, side);
const { tf } = backend;
const config = maskedTransformerPresets.emoji;
const specs = maskedTransformerParameters(config);
const parameters = initParameters(backend, specs, 1);
const variables = [...parameters].map(([name, tensor]) => {
  const variable = tf.variable(tensor);
  parameters.set(name, variable);
  return variable;
});
const transformer = new MaskedTransformer(backend, config, parameters);
const S = config.latentSize ** 2;
const T = 24;
const masking = sampleMasking({
  tokenIds: Int32Array.from({ length: B * S }, (_, i) => (i * 37) % config.codebookSize),
  batchSize: B,
  seqLen: S,
  maskTokenId: transformer.maskTokenId,
  condDropProb: config.condDropProb,
  seed: 1,
  step: 1,
});
const batchTensors = {
  ...masking,
  textEmbeds: tf.randomNormal([B, T, config.textDim], 0, 1, 'float32', 3),
  textMask: tf.ones([B, T]),
};
const step = () =>
  tf.tidy(() => {
    const { value, grads } = tf.variableGrads(() => maskedTokenLoss(transformer, batchTensors).loss, [...variables]);
    return [value, ...Object.values(grads)];
  });
let result;
try {
  result = { stepMs: await medianMs(tf, step, { forMs: 8000, atMost: 8 }) };
} catch (error) {
  result = { error: reason(error) };
}
report({ ...result, batchSize: B, numParameters: countParameters(specs) });
process.exit(0);
