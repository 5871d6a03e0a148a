import { replaceKernel } from '../replaceKernel.js';
import { leadingSum } from './sum.js';

/** Faster kernels for the tensorflow device. */
export function fixTensorflowKernels(): void {
  replaceKernel('tensorflow', 'Sum', leadingSum);
}
