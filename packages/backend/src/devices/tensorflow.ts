import { UnsupportedBackendError } from '../errors.js';
import { fixTensorflowKernels } from '../kernels/tensorflow/fixTensorflowKernels.js';
import { tensorflowOps } from '../kernels/tensorflow/tensorflowOps.js';
import { referenceOps } from '../ops/referenceOps.js';
import { inSequence } from '../plan/eagerPlan.js';
import { bfloat16Ops } from '../tensorflow/bfloat16Ops.js';
import { doGraphsRepeat } from '../tensorflow/doGraphsRepeat.js';
import { packWeight } from '../tensorflow/packWeight.js';
import { tensorflowPlan } from '../tensorflow/tensorflowPlan.js';
import { widenFloats } from '../tensorflow/widenFloats.js';
import type { Device, RunningDevice } from './device.js';
import { platform } from './platform/node.js';
import type { TensorflowLibrary } from './platform/platform.js';
import { activate, shutDown } from './tfjsBackend.js';

/** TensorFlow's C library through tfjs-node: the fastest device without a GPU. */
export const tensorflowDevice: Device = {
  name: 'tensorflow',

  async describe() {
    const found = await platform.findTensorflow();
    if (found.missing === undefined) {
      const { isGpu } = found.value;
      return { name: 'tensorflow', isAvailable: true, isGpu, detail: describeLibrary(found.value) };
    }
    const { missing: detail, howToGet } = found;
    return { name: 'tensorflow', isAvailable: false, isGpu: false, detail, ...(howToGet && { howToGet }) };
  },

  async start() {
    const found = await platform.findTensorflow();
    if (found.missing !== undefined) {
      throw new UnsupportedBackendError(
        { package: 'backend', in: 'createBackend' },
        `expected libtensorflow for the device tensorflow, got: ${found.missing}${found.howToGet ? ` (to get it: ${found.howToGet})` : ''}`,
      );
    }
    fixTensorflowKernels();
    await activate('tensorflow');
    const { isGpu } = found.value;
    return {
      capabilities: { isGpu, isDeterministic: !isGpu, description: describeLibrary(found.value) },
      dtypes: ['f32', 'bf16'],
      ...tensorflowOps(referenceOps, false),
      bfloat16: tensorflowOps({ ...referenceOps, ...bfloat16Ops }, true),
      widenFloats,
      packWeight,
      // On a GPU a graph's inputs would go through the host's memory.
      ...(!isGpu && { capture }),
      checkErrors: async () => {},
      stop: async () => shutDown('tensorflow'),
    };
  },
};

const capture: RunningDevice['capture'] = async (parts, inputs, { backend, numCalls }) => {
  const { withFile } = platform;
  if (!doGraphsRepeat(backend, withFile)) return undefined;
  return tensorflowPlan(inSequence(parts), inputs, { withFile, numCalls });
};

function describeLibrary({ version, isGpu, numThreads }: TensorflowLibrary): string {
  return `libtensorflow ${version} on ${isGpu ? 'the GPU' : `the CPU, ${numThreads} ${numThreads === 1 ? 'thread' : 'threads'}`}`;
}
