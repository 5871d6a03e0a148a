// Times the ops of one device. Args: device, `muse` or `stock`. Prints one line of JSON.
import { opCases } from './opCases.mjs';
import { medianMs, startDevice } from './startDevice.mjs';

const [device, side] = process.argv.slice(2);
const backend = await startDevice(device, side);
const { tf } = backend;
const results = {};
for (const { name, inputs, run } of opCases(backend)) {
  const forward = () => [tf.tidy(() => run(...inputs))];
  const gradient = () => tf.tidy(() => tf.grads((...xs) => tf.sum(tf.square(run(...xs))))(inputs));
  results[name] = { forwardMs: await medianMs(tf, forward) };
  try {
    results[name].gradientMs = await medianMs(tf, gradient);
  } catch (error) {
    // What stock tfjs can't do on this device is part of the result.
    results[name].gradientError = String(error.message).split('\n')[0].slice(0, 120);
  }
}
process.stdout.write(`${JSON.stringify(results)}\n`);
process.exit(0);
