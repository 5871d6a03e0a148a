import { replaceKernel } from '../replaceKernel.js';
import { resizeNearestNeighborGrad } from './resizeNearestNeighborGrad.js';

/** Puts tfjs's wrong JavaScript kernels right. */
export function fixCpuKernels(): void {
  replaceKernel('cpu', 'ResizeNearestNeighborGrad', resizeNearestNeighborGrad);
}
