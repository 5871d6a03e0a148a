import type { DeviceName } from '../backend.js';
import { cpuDevice } from './cpu.js';
import type { Device, DeviceReport } from './device.js';
import { tensorflowDevice } from './tensorflow.js';
import { wasmDevice } from './wasm.js';
import { webgpuDevice } from './webgpu.js';

/** In the order in which `auto` tries them. */
export const allDevices: Readonly<Record<DeviceName, Device>> = {
  webgpu: webgpuDevice,
  tensorflow: tensorflowDevice,
  wasm: wasmDevice,
  cpu: cpuDevice,
};

/** Whether `auto` takes a device if none does before it: a software WebGPU is slower than the rest. */
export function suitsAuto({ name, isAvailable, isGpu }: DeviceReport): boolean {
  return isAvailable && (name !== 'webgpu' || isGpu);
}

/** Every device with what it is or what is missing, in the order of `auto`. The active tfjs backend stays. */
export async function describeDevices(): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of Object.values(allDevices)) reports.push(await device.describe());
  return reports;
}
