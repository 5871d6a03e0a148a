/// <reference types="@webgpu/types" />

/** In the WGSL of kernels that compute in halves: they need the device's feature shader-f16. */
export const ENABLE_HALVES = 'enable f16;';
/** In the WGSL of kernels that ask a subgroup: they need the device's feature subgroups. */
export const ENABLE_SUBGROUPS = 'enable subgroups;';

/** WGSL has such directives before all else, and tfjs its own head before a kernel's code: they are moved to the front. */
export function hoistDirectives(device: GPUDevice): void {
  const create = device.createShaderModule.bind(device);
  device.createShaderModule = (descriptor) => {
    let { code } = descriptor;
    for (const directive of [ENABLE_HALVES, ENABLE_SUBGROUPS]) {
      if (code.includes(directive)) code = `${directive}\n${code.replace(directive, '')}`;
    }
    return create({ ...descriptor, code });
  };
}
