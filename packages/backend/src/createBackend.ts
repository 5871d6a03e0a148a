import * as tf from '@tensorflow/tfjs';
import type { Backend, DeviceName } from './backend.js';
import { referenceOps } from './ops/referenceOps.js';
import { UnsupportedBackendError } from './errors.js';

export interface BackendOptions {
  readonly device?: DeviceName | 'auto';
}

/** PROVISIONAL first version: replaced by devices/*. */
export async function createBackend({ device = 'auto' }: BackendOptions = {}): Promise<Backend> {
  const name: DeviceName = device === 'auto' ? 'tensorflow' : device;
  if (name === 'tensorflow') {
    process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
    await import('@tensorflow/tfjs-node');
  } else if (name !== 'cpu') {
    throw new UnsupportedBackendError({ package: 'backend', in: 'createBackend' }, `no ${name} yet`);
  }
  await tf.setBackend(name);
  await tf.ready();
  return {
    name,
    tf,
    ops: referenceOps,
    capabilities: { isGpu: false, isDeterministic: true, description: name },
    reason: 'asked for',
    checkErrors: async () => {},
    dispose: async () => {},
  };
}
