import * as tf from '@tensorflow/tfjs';
import type { DeviceName } from '../backend.js';
import { UnsupportedBackendError } from '../errors.js';

/** tfjs's priorities run from 1; ours are always chosen by name. */
const PRIORITY = 1;

/** Makes a registered tfjs backend the active one. @throws UnsupportedBackendError */
export async function activate(name: DeviceName): Promise<void> {
  let isActive: boolean;
  let cause: unknown;
  try {
    isActive = await tf.setBackend(name);
  } catch (error) {
    isActive = false;
    cause = error;
  }
  if (!isActive) {
    throw new UnsupportedBackendError(
      { package: 'backend', in: 'createBackend' },
      `expected the tfjs backend ${name} to start, got ${cause instanceof Error ? cause.message : 'a failed initialisation'}`,
      { cause },
    );
  }
}

/** Disposes of a tfjs backend with all its tensors; its factory stays, so that it can start again. */
export function shutDown(name: DeviceName): void {
  const factory = tf.findBackendFactory(name);
  if (!factory) return;
  tf.removeBackend(name);
  tf.registerBackend(name, factory, PRIORITY);
}
