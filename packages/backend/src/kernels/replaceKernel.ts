import * as tf from '@tensorflow/tfjs';
import type { DeviceName } from '../backend.js';

/** Kernels that have been replaced, by `device/kernel`: what tfjs registered, or undefined where it had none. */
const originals = new Map<string, tf.KernelConfig | undefined>();

/**
 * Puts a kernel in the place of tfjs's own, once per process: tfjs's kernel registry is global too.
 *
 * @param make receives the kernel that tfjs registered; undefined where it has none
 */
export function replaceKernel(
  device: DeviceName,
  kernelName: string,
  make: (original: tf.KernelFunc | undefined) => tf.KernelFunc,
): void {
  const key = `${device}/${kernelName}`;
  if (originals.has(key)) return;
  const original = tf.getKernel(kernelName, device);
  originals.set(key, original);
  if (original) tf.unregisterKernel(kernelName, device);
  // setupFunc and disposeFunc stay: the wasm kernels bind their C functions there.
  tf.registerKernel({ ...original, kernelName, backendName: device, kernelFunc: make(original?.kernelFunc) });
}

/** The kernel that tfjs registered before it was replaced, for tests that show what was wrong with it. */
export function originalKernel(device: DeviceName, kernelName: string): tf.KernelFunc | undefined {
  const key = `${device}/${kernelName}`;
  return originals.has(key) ? originals.get(key)?.kernelFunc : tf.getKernel(kernelName, device)?.kernelFunc;
}
