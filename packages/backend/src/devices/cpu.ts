import * as tf from '@tensorflow/tfjs';
import { fixCpuKernels } from '../kernels/cpu/fixCpuKernels.js';
import { referenceOps } from '../ops/referenceOps.js';
import type { Device } from './device.js';
import { activate, shutDown } from './tfjsBackend.js';

const DETAIL = 'plain JavaScript, one thread: always there, for tests and tiny models';

/** tfjs's JavaScript kernels. */
export const cpuDevice: Device = {
  name: 'cpu',

  async describe() {
    return { name: 'cpu', isAvailable: true, isGpu: false, detail: DETAIL };
  },

  async start() {
    fixCpuKernels();
    await activate('cpu');
    // Else its first op prints an advertisement for tfjs-node.
    (tf.backend() as unknown as { firstUse: boolean }).firstUse = false;
    return {
      capabilities: { isGpu: false, isDeterministic: true, description: DETAIL },
      ops: referenceOps,
      checkErrors: async () => {},
      stop: async () => shutDown('cpu'),
    };
  },
};
