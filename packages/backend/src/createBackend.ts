import * as tf from '@tensorflow/tfjs';
import { type Backend, type DeviceName, deviceNames, type ModelDtype, modelDtypes } from './backend.js';
import { allDevices, suitsAuto } from './devices/allDevices.js';
import type { DeviceOptions, RunningDevice } from './devices/device.js';
import { activate } from './devices/tfjsBackend.js';
import { UnsupportedBackendError } from './errors.js';
import { composeOps } from './ops/composeOps.js';
import { inCalls, inputsOfCalls } from './plan/calls.js';
import { eagerPlan, inSequence } from './plan/eagerPlan.js';

export interface BackendOptions extends DeviceOptions {
  /** A device by name, or `auto` (default): a real GPU by WebGPU, else tensorflow, wasm, cpu. */
  readonly device?: DeviceName | 'auto';
  /**
   * What models are loaded in. `auto` is the device's choice: the fastest that leaves nearly all tokens as they are
   * (docs/numerics.md). With `bf16` (tensorflow only) `linear` and `conv2d` compute in it, gradients included, and tensors
   * stay f32: up to twice as fast on processors with AVX512-BF16 or AMX, at three digits in each product. With `w16a16` (webgpu) products
   * of such weights use the matrices of the GPU's subgroups, if it has them; without, weights that are packed so do not. Default f32.
   */
  readonly dtype?: 'auto' | ModelDtype;
  readonly onProgress?: (progress: BackendProgress) => void;
}

export interface BackendProgress {
  readonly status: 'looking' | 'passedOver' | 'ready';
  readonly device: DeviceName;
  /** Why a device was passed over, or what the chosen one is. */
  readonly detail: string;
}

const place = { package: 'backend', in: 'createBackend' } as const;

/** Devices that run, in the order of their start. tfjs has one engine per process, so this list is one per process too. */
const running = new Map<DeviceName, { readonly device: RunningDevice; numUsers: number }>();

/**
 * Starts a device and makes it the active one of tfjs. A device that already runs is shared, and stops when the last
 * of its users is disposed of.
 *
 * @throws UnsupportedBackendError for a device that can't be had: what is missing, and how to get it; for a dtype that it
 * lacks: which there are
 */
export async function createBackend(options: BackendOptions = {}): Promise<Backend> {
  const { device = 'auto' } = options;
  if (device === 'auto') return chooseDevice(options);
  if (!deviceNames.includes(device)) {
    throw new UnsupportedBackendError(place, `expected device auto, ${deviceNames.join(', ')}, got ${String(device)}`);
  }
  options.onProgress?.({ status: 'looking', device, detail: 'asked for' });
  return startDevice(device, 'asked for', options);
}

/** The first that is there and, for webgpu, a real GPU. */
async function chooseDevice(options: BackendOptions): Promise<Backend> {
  const passedOver: string[] = [];
  for (const name of deviceNames) {
    options.onProgress?.({ status: 'looking', device: name, detail: 'auto' });
    const report = await allDevices[name].describe();
    let detail = report.detail;
    if (suitsAuto(report)) {
      const reason = [...passedOver, `${name}: ${detail}`].join('; ');
      try {
        return await startDevice(name, reason, options);
      } catch (error) {
        detail = error instanceof Error ? error.message : String(error);
      }
    }
    passedOver.push(`not ${name}: ${detail}`);
    options.onProgress?.({ status: 'passedOver', device: name, detail });
  }
  throw new UnsupportedBackendError(place, `expected one device that works, got none: ${passedOver.join('; ')}`);
}

async function startDevice(name: DeviceName, reason: string, options: BackendOptions): Promise<Backend> {
  let entry = running.get(name);
  if (entry) {
    await activate(name);
  } else {
    entry = { device: await allDevices[name].start(options), numUsers: 0 };
    running.set(name, entry);
  }
  entry.numUsers++;
  const { device } = entry;
  const { dtypes = ['f32'] } = device;
  const { dtype: wanted = 'f32' } = options;
  const dtype = wanted === 'auto' ? dtypes[0]! : wanted;
  if (!dtypes.includes(dtype)) {
    await releaseDevice(name);
    const expected = ['auto', ...modelDtypes.filter((one) => dtypes.includes(one))].join(', ');
    throw new UnsupportedBackendError(place, `expected a dtype of the device ${name} (${expected}), got ${dtype}`);
  }
  await device.prepare?.(dtype);
  const { ops: basicOps, composedOps } = dtype === 'bf16' ? device.bfloat16! : device;
  let isDisposed = false;
  options.onProgress?.({ status: 'ready', device: name, detail: device.capabilities.description });
  const backend: Backend = {
    name,
    tf,
    ops: { ...basicOps, ...composeOps(basicOps), ...composedOps },
    dtype,
    dtypes,
    capabilities: device.capabilities,
    reason,
    checkErrors: () => device.checkErrors(),
    async freeMemory() {
      device.freeSpare?.();
      await device.checkErrors();
    },
    async capture(given, inputs, { numCalls = 1 } = {}) {
      inputsOfCalls(inputs, numCalls);
      const parts = typeof given === 'function' ? [given] : given;
      const plan = await device.capture?.(parts, inputs, { numCalls, backend });
      return plan ?? eagerPlan(inCalls(inSequence(parts), numCalls), inputs, () => device.checkErrors());
    },
    packWeight(weight, packed, order) {
      const packs = dtypes.filter((one) => one !== 'f32');
      if (device.packWeight && packs.includes(packed)) return device.packWeight(weight, packed, order);
      throw new UnsupportedBackendError(
        { package: 'backend', in: 'packWeight' },
        `expected a dtype in which the device ${name} packs weights (${packs.join(', ') || 'none'}), got ${packed}`,
      );
    },
    widenFloats: device.widenFloats,
    async dispose() {
      if (isDisposed) return;
      isDisposed = true;
      await releaseDevice(name);
    },
  };
  return backend;
}

async function releaseDevice(name: DeviceName): Promise<void> {
  const entry = running.get(name);
  if (!entry || --entry.numUsers > 0) return;
  running.delete(name);
  const wasActive = tf.engine().backendName === name;
  await entry.device.stop();
  const latest = [...running.keys()].at(-1);
  if (wasActive && latest) await activate(latest);
}
