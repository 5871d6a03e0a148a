/// <reference types="@webgpu/types" />
import * as tf from '@tensorflow/tfjs';
import type { ModelDtype } from '../backend.js';
import { MuseError, UnsupportedBackendError } from '../errors.js';
import { checkMatrices } from '../kernels/webgpu/checkMatrices.js';
import { hoistDirectives } from '../kernels/webgpu/directives.js';
import { fixWebgpuKernels } from '../kernels/webgpu/fixWebgpuKernels.js';
import { SUBGROUP_FEATURES, traitsOf } from '../kernels/webgpu/gpuTraits.js';
import { packWeight } from '../kernels/webgpu/packedWeights.js';
import { startTileChoice } from '../kernels/webgpu/tileChoice.js';
import { webgpuComposedOps, webgpuOps } from '../kernels/webgpu/webgpuOps.js';
import { inCalls } from '../plan/calls.js';
import { inSequence } from '../plan/eagerPlan.js';
import { submitPending, type TfjsWebgpu } from '../plan/tfjsWebgpu.js';
import { TileTuner } from '../plan/tileTuner.js';
import { webgpuPlan } from '../plan/webgpuPlan.js';
import { boundPool } from './boundPool.js';
import type { Device, Found } from './device.js';
import { withEagerUploads } from './eagerUploads.js';
import { withEarlyFrees } from './earlyFrees.js';
import { platform } from './platform/node.js';
import { activate, shutDown } from './tfjsBackend.js';

const FEATURES: GPUFeatureName[] = ['shader-f16', 'timestamp-query', 'bgra8unorm-storage', ...SUBGROUP_FEATURES];

const LIMITS = [
  'maxBufferSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
] as const;

/** Adapters that compute on the CPU. */
const SOFTWARE_ADAPTER = /llvmpipe|lavapipe|swiftshader|software|basic render/i;

/** tfjs's WebGPU kernels on a GPUDevice of our own: tfjs's lacks f16 and error reports. */
export const webgpuDevice: Device = {
  name: 'webgpu',

  async describe() {
    const found = await findAdapter();
    if (found.missing === undefined) {
      const { adapter } = found.value;
      return { name: 'webgpu', isAvailable: true, isGpu: isGpu(adapter), detail: describeAdapter(adapter) };
    }
    const { missing: detail, howToGet } = found;
    return { name: 'webgpu', isAvailable: false, isGpu: false, detail, ...(howToGet && { howToGet }) };
  },

  async start({ autotune }) {
    const found = await findAdapter();
    if (found.missing !== undefined) {
      throw new UnsupportedBackendError(
        { package: 'backend', in: 'createBackend' },
        `expected WebGPU for the device webgpu, got: ${found.missing}${found.howToGet ? ` (to get it: ${found.howToGet})` : ''}`,
      );
    }
    const { gpu, adapter } = found.value;
    const device = await adapter.requestDevice({
      requiredFeatures: FEATURES.filter((feature) => adapter.features.has(feature)),
      requiredLimits: Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]])),
    });
    const errors = collectErrors(device);
    hoistDirectives(device);
    const tileChoice = startTileChoice(device, {
      ...traitsOf(device.features, adapter.info),
      isSoftware: !isGpu(adapter),
    });

    const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
    if (tf.findBackendFactory('webgpu')) tf.removeBackend('webgpu');
    const Backend = withEarlyFrees(withEagerUploads(WebGPUBackend));
    tf.registerBackend('webgpu', () => withNavigatorGpu(gpu, () => new Backend(device, adapter.info)));
    fixWebgpuKernels();
    await activate('webgpu');
    // Small tensors would silently be computed in JavaScript.
    tf.env().set('WEBGPU_CPU_FORWARD', false);
    const backend = tf.backend() as InstanceType<typeof WebGPUBackend>;
    const internals = backend as unknown as TfjsWebgpu;
    const pool = boundPool(backend.bufferManager);
    let checked: Promise<void> | undefined;
    const tuner =
      (autotune ?? isGpu(adapter))
        ? await TileTuner.open(internals, platform.textStore(`webgpu-tiles-${keyOf(adapter)}`))
        : undefined;

    return {
      // Values are; the gradient of an embedding is not: UnsortedSegmentSum adds by float atomics, in any order.
      capabilities: { isGpu: isGpu(adapter), isDeterministic: false, description: describeAdapter(adapter) },
      dtypes: dtypesOf(gpu, adapter),
      ops: webgpuOps,
      composedOps: webgpuComposedOps,
      async checkErrors() {
        internals.ensureCommandEncoderReady(); // else nothing is submitted when no command waits
        submitPending(internals);
        // A lost device may never finish its work.
        await Promise.race([device.queue.onSubmittedWorkDone(), device.lost]);
        const first = errors.splice(0)[0];
        if (first) throw new MuseError({ package: 'backend', in: 'webgpu' }, first);
      },
      freeSpare() {
        submitPending(internals); // what waits is free after it
        pool.destroyFree();
      },
      async prepare(dtype) {
        if (dtype !== 'w16a16') return; // a driver's fault is none of theirs
        checked ??= checkMatrices(internals, tileChoice);
        await checked;
      },
      packWeight,
      capture: (parts, inputs, { numCalls, backend }) => {
        const called = numCalls === 1 ? parts : [inCalls(inSequence(parts), numCalls)];
        return webgpuPlan(internals, called, inputs, { tuner, free: backend.freeMemory });
      },
      async stop() {
        shutDown('webgpu');
        device.destroy();
      },
    };
  },
};

async function findAdapter(): Promise<Found<{ gpu: GPU; adapter: GPUAdapter }>> {
  const found = await platform.findGpu();
  if (found.missing !== undefined) return found;
  const gpu = found.value;
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter) return { value: { gpu, adapter } };
  return { missing: 'WebGPU finds no adapter', howToGet: platform.howToGetAdapter };
}

/**
 * The first is what `auto` takes: halves that are multiplied in f32 leave the tokens as they are. What multiplies in fewer bits is
 * there for those who ask for it (docs/numerics.md).
 */
function dtypesOf(gpu: GPU, adapter: GPUAdapter): ModelDtype[] {
  return [
    ...(isGpu(adapter) ? (['f16', 'f32'] as const) : (['f32', 'f16'] as const)),
    'q8',
    ...(adapter.features.has('shader-f16') ? (['w16a16'] as const) : []),
    ...(gpu.wgslLanguageFeatures.has('packed_4x8_integer_dot_product') ? (['w8a8'] as const) : []),
  ];
}

/** tfjs's constructor refuses to work where `navigator.gpu` is missing, as in Node, though it uses the device it is given. */
function withNavigatorGpu<T>(gpu: GPU, make: () => T): T {
  const scope = globalThis as { navigator?: Partial<NavigatorGPU> };
  if (scope.navigator?.gpu) return make();
  const before = Object.getOwnPropertyDescriptor(scope, 'navigator');
  Object.defineProperty(scope, 'navigator', { value: { gpu }, configurable: true });
  try {
    return make();
  } finally {
    if (before) Object.defineProperty(scope, 'navigator', before);
    else delete scope.navigator;
  }
}

/** Messages of validation errors, memory errors and device loss, as they come. */
function collectErrors(device: GPUDevice): string[] {
  const errors: string[] = [];
  device.addEventListener('uncapturederror', (event) => {
    event.preventDefault(); // else it is printed as well
    errors.push(event.error.message);
  });
  void device.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed') errors.push(`the GPU was lost: ${message}`);
  });
  return errors;
}

function isGpu({ info }: GPUAdapter): boolean {
  const names = [info.vendor, info.architecture, info.device, info.description];
  return !info.isFallbackAdapter && !names.some((name) => SOFTWARE_ADAPTER.test(name));
}

/** What distinguishes an adapter, driver included where it says so, as a file's name. */
function keyOf({ info: { vendor, architecture, device, description } }: GPUAdapter): string {
  return [vendor, architecture, device, description]
    .join('-')
    .replace(/[^A-Za-z0-9]+/g, '-')
    .slice(0, 100);
}

function describeAdapter(adapter: GPUAdapter): string {
  const { description, device, vendor, architecture } = adapter.info;
  const name = description || device || [vendor, architecture].filter(Boolean).join(' ') || 'unnamed adapter';
  return isGpu(adapter) ? name : `${name}, computed by the CPU`;
}
