/// <reference types="@webgpu/types" />
import type { Platform } from './platform.js';

/** Bundlers for browsers put this file in the place of `./node.js` (package.json, `browser`). */
export const platform: Platform = {
  async findGpu() {
    const gpu = (globalThis as { navigator?: Partial<NavigatorGPU> }).navigator?.gpu;
    if (gpu) return { value: gpu };
    return { missing: 'this browser has no WebGPU', howToGet: 'a current Chrome, Edge, Firefox or Safari, over https' };
  },
  async findTensorflow() {
    return { missing: 'libtensorflow runs in Node only' };
  },
  wasmFolder: () => undefined,
  howToGetAdapter: 'enable hardware acceleration in the browser settings',
};
