import type { ModelReport } from '@muse/muse/worker';
import { megabytes } from '../parts/units.ts';

/** What a device can hold, as far as a browser tells. */
export interface DeviceLimits {
  /** One tensor's bytes, by WebGPU; undefined without. */
  readonly maxBindingBytes?: number;
  /** The machine's memory; browsers say 8 GB for all that is more. */
  readonly memoryBytes?: number;
}

/** What WebAssembly addresses. */
const MAX_WASM_BYTES = 2 ** 32;
/** Of the machine's memory, what a page can count on. */
const SHARE = 0.5;

export interface Verdict {
  readonly fits: 'yes' | 'perhaps' | 'no';
  readonly text: string;
}

/** Whether a model fits a device: weights are held as f32, whatever the file says. */
export function fitsDevice(
  { components, wasmBytes }: ModelReport,
  { maxBindingBytes, memoryBytes }: DeviceLimits,
): Verdict {
  const isWasm = maxBindingBytes === undefined;
  const weightBytes = components.reduce((sum, { numParameters }) => sum + 4 * numParameters, 0);
  const bytes = isWasm ? wasmBytes : weightBytes;
  const largest = Math.max(...components.map(({ largestTensorBytes }) => largestTensorBytes));
  const needs = `needs ${megabytes(bytes)} of memory`;
  if (isWasm) {
    if (bytes > MAX_WASM_BYTES) return { fits: 'no', text: `${needs}, more than WebAssembly can address` };
  } else if (largest > maxBindingBytes) {
    const limit = `its largest tensor is ${megabytes(largest)}, this GPU binds ${megabytes(maxBindingBytes)}`;
    return { fits: 'no', text: `${needs}; ${limit}` };
  }
  if (memoryBytes !== undefined && bytes > SHARE * memoryBytes) {
    return { fits: 'perhaps', text: `${needs}, which is a lot for this machine` };
  }
  return { fits: 'yes', text: `${needs}: fits this device` };
}

/** What this browser tells of its machine. */
export async function readLimits(device: 'auto' | 'webgpu' | 'wasm'): Promise<DeviceLimits> {
  const { deviceMemory } = navigator as Navigator & { deviceMemory?: number };
  const memoryBytes = deviceMemory === undefined ? undefined : deviceMemory * 2 ** 30;
  const adapter = device === 'wasm' ? null : await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter || (device === 'auto' && isSoftware(adapter))) return { memoryBytes };
  return { memoryBytes, maxBindingBytes: adapter.limits.maxStorageBufferBindingSize };
}

/** An adapter that computes on the processor, which `auto` passes over. */
function isSoftware(adapter: GPUAdapter): boolean {
  // The types at hand are older than `info`.
  const { info } = adapter as GPUAdapter & { info?: { isFallbackAdapter?: boolean; architecture?: string } };
  return info?.isFallbackAdapter === true || /swiftshader/i.test(info?.architecture ?? '');
}
