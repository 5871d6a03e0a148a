import { replaceKernel } from '../replaceKernel.js';
import { checkedGather } from './gather.js';
import { fastSoftmax } from './softmax.js';
import { leadingSum } from './sum.js';

/** Faster kernels for the tensorflow device, and one that reads nothing back. */
export function fixTensorflowKernels(): void {
  replaceKernel('tensorflow', 'Sum', leadingSum);
  replaceKernel('tensorflow', 'Softmax', fastSoftmax);
  replaceKernel('tensorflow', 'GatherV2', checkedGather);
}
