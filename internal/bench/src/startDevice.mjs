import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { stockOps } from './stockOps.mjs';

/**
 * A device as @muse/backend runs it, or as tfjs ships it: its kernels uncorrected, its ops written plainly. One of the
 * two per process, as a corrected kernel stays corrected.
 *
 * @param {'muse' | 'stock'} side
 */
export async function startDevice(device, side) {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= '2';
  const tf = await import('@tensorflow/tfjs');
  if (side === 'muse') {
    const { createBackend } = await import('@muse/backend');
    return createBackend({ device });
  }
  if (device === 'tensorflow') await import('@tensorflow/tfjs-node');
  if (device === 'cpu') await import('@tensorflow/tfjs-backend-cpu');
  if (device === 'wasm') {
    const wasm = await import('@tensorflow/tfjs-backend-wasm');
    const folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json'));
    wasm.setWasmPaths(`${folder}/dist/`);
  }
  if (device === 'webgpu') {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: create([]) }, configurable: true });
    await import('@tensorflow/tfjs-backend-webgpu');
  }
  await tf.setBackend(device);
  await tf.ready();
  return { name: device, tf, ops: stockOps(tf) };
}

/**
 * Times of repeated runs after a warm-up, in ms, the least first: at least one, and no new one after `forMs`. `step` returns
 * tensors; the first is waited for, all are disposed.
 */
export async function sortedMs(tf, step, { forMs, atMost = 40 }) {
  const times = [];
  const until = performance.now() + forMs;
  for (let i = 0; i < 2 || (performance.now() < until && i < atMost); i++) {
    const start = performance.now();
    const outputs = step();
    await outputs[0].data();
    times.push(performance.now() - start);
    tf.dispose(outputs);
  }
  return times.slice(1).sort((a, b) => a - b);
}

/** Median of repeated runs. */
export async function medianMs(tf, step, options) {
  const sorted = await sortedMs(tf, step, options);
  return sorted[sorted.length >> 1];
}

/** One line for the parent, which reads them as they come. */
export function report(entry) {
  process.stdout.write(`${JSON.stringify(entry)}\n`);
}

/** Why something failed, in a line. */
export function reason(error) {
  return String(error?.message ?? error)
    .split('\n')[0]
    .slice(0, 160);
}
