// Times the ops of one device. Args: device, `muse` or `stock`, number of the first case, for how many ms each is repeated,
// `median` or `least` of the repeats, and the names of the cases if not all. Reports each case by itself, its start too: one that ends the process does not take the
// others along.
import { opCases } from './opCases.mjs';
import { reason, report, sortedMs, startDevice } from './startDevice.mjs';

const [device, side, first, forMs, pick, ...names] = process.argv.slice(2);
const backend = await startDevice(device, side);
const { tf } = backend;
const cases = opCases(backend).filter(({ name }) => names.length === 0 || names.includes(name));
if (cases.length < names.length) throw new Error(`expected cases of opCases.mjs, got ${names.join(', ')}`);
for (const [index, { name, inputs, run, isForwardOnly }] of cases.entries()) {
  if (index < Number(first)) continue;
  report({ start: name, index, isLast: index === cases.length - 1 });
  const attempt = async (key, step) => {
    let result;
    try {
      const sorted = await sortedMs(tf, step, { forMs: Number(forMs) });
      result = { [`${key}Ms`]: sorted[pick === 'least' ? 0 : sorted.length >> 1] };
    } catch (error) {
      // What stock tfjs can't do on this device is part of the result.
      result = { [`${key}Error`]: reason(error) };
    }
    report({ name, index, result });
  };
  await attempt('forward', () => [tf.tidy(() => run(...inputs))]);
  if (isForwardOnly) continue;
  const gradientOf = tf.grads((...xs) => tf.sum(tf.square(run(...xs))));
  await attempt('gradient', () => tf.tidy(() => gradientOf(inputs)));
}
process.exit(0);
