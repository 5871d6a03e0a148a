import { replaceKernel } from '../replaceKernel.js';
import { batchMatMul } from './batchMatMul.js';
import { conv2d } from './conv2d.js';
import { conv2dBackpropFilter } from './conv2dBackpropFilter.js';
import { conv2dBackpropInput } from './conv2dBackpropInput.js';
import { fusedMatMul } from './fusedMatMul.js';
import { gather } from './gather.js';
import { reduce } from './reduce.js';
import { unsortedSegmentSum } from './unsortedSegmentSum.js';

/** Puts tfjs's wrong, missing and slow wasm kernels right. @tensorflow/tfjs-backend-wasm has to be imported before. */
export function fixWasmKernels(): void {
  replaceKernel('wasm', 'BatchMatMul', batchMatMul); // slow
  replaceKernel('wasm', 'Conv2D', conv2d); // slow
  replaceKernel('wasm', '_FusedMatMul', fusedMatMul); // wrong
  replaceKernel('wasm', 'GatherV2', gather); // wrong
  replaceKernel('wasm', 'Conv2DBackpropFilter', conv2dBackpropFilter); // missing
  replaceKernel('wasm', 'Conv2DBackpropInput', conv2dBackpropInput); // slow
  replaceKernel('wasm', 'Sum', reduce('sum')); // slow
  replaceKernel('wasm', 'Mean', reduce('mean')); // slow
  replaceKernel('wasm', 'UnsortedSegmentSum', unsortedSegmentSum); // missing
}
