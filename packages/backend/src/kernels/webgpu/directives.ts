/// <reference types="@webgpu/types" />

/** In the WGSL of kernels that compute in halves: they need the device's feature shader-f16. */
export const ENABLE_HALVES = 'enable f16;';

/** WGSL has such directives before all else, and tfjs its own head before a kernel's code: they are moved to the front. */
export function hoistDirectives(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    const { code } = descriptor;
    if (!code.includes(ENABLE_HALVES)) return create(descriptor);
    return create({ ...descriptor, code: `${ENABLE_HALVES}\n${code.replace(ENABLE_HALVES, '')}` });
  };
}
