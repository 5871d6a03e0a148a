import { replaceKernel } from '../replaceKernel.js';
import { deterministicMatMul } from './deterministicMatMul.js';

/** Puts tfjs's wrong WebGPU kernels right. @tensorflow/tfjs-backend-webgpu has to be imported before. */
export function fixWebgpuKernels(): void {
  replaceKernel('webgpu', 'BatchMatMul', deterministicMatMul);
  replaceKernel('webgpu', '_FusedMatMul', deterministicMatMul);
}
