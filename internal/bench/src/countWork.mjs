// FLOP and bytes of GPU commands, from the programs that tfjs's webgpu backend is handed.

/**
 * @typedef {object} Work of one command
 * @property {string} kernel ours by the first word of its key, tfjs's by its program
 * @property {number} flop of the products: 2 for a multiplication and an addition. What else a kernel computes (exponentials,
 * norms, activations) is not in it: a few operations for each number that it moves, for which the bytes are the bound
 * @property {number} readBytes each input once, and of a table only the rows that are taken: what must come from memory, if
 * nothing is in a cache
 * @property {number} writtenBytes
 * @property {number} weightBytes the part of `readBytes` that are weights of products
 * @property {number} numWorkgroups
 */

/**
 * The work of all commands of a function that does not leave the GPU.
 *
 * @param {{ bytesPerWeight?: 1 | 2 | 4 }} [options] of the weights of products, as if they were packed
 * @returns {Work[]}
 */
export function countWork(backend, run, { bytesPerWeight = 4 } = {}) {
  const tfjs = backend.tf.backend();
  const original = tfjs.runWebGPUProgram;
  const commands = [];
  tfjs.runWebGPUProgram = function (program, inputs, outputType, uniforms, output) {
    const kernel = kernelOf(program); // tfjs lengthens the key
    const result = original.call(this, program, inputs, outputType, uniforms, output);
    commands.push(workOf({ kernel, program, inputs, uniforms, output: result, bytesPerWeight }));
    return result;
  };
  try {
    backend.tf.dispose(backend.tf.tidy(run));
  } finally {
    delete tfjs.runWebGPUProgram;
  }
  return commands;
}

function kernelOf(program) {
  const [word] = program.shaderKey.split('_');
  return word.startsWith('muse') ? word.slice('muse'.length) : program.constructor.name;
}

function workOf({ kernel, program, inputs, uniforms = [], output, bytesPerWeight }) {
  const names = [...(program.uniforms ?? '').matchAll(/(\w+)\s*:/g)].map(([, name]) => name);
  const call = {
    kernel,
    uniforms: Object.fromEntries(names.map((name, i) => [name, uniforms[i]?.data[0]])),
    inputs: inputs.map((tensor, i) => ({ name: program.variableNames[i], tensor })),
    output,
  };
  const isWeight = ({ name }) => kernel === 'Gemm' && name.startsWith('weight');
  let [readBytes, weightBytes] = [0, 0];
  for (const input of readOnce(call)) {
    const bytes = numbersRead(call, input) * (isWeight(input) ? bytesPerWeight : 4);
    readBytes += bytes;
    if (isWeight(input)) weightBytes += bytes;
  }
  const numWorkgroups = program.dispatch.reduce((product, count) => product * count, 1);
  return { kernel, flop: flopOf(call), readBytes, weightBytes, writtenBytes: 4 * sizeOf(output), numWorkgroups };
}

/** Queries, keys and values may lie in one tensor. */
function readOnce({ kernel, inputs }) {
  if (kernel !== 'Attention') return inputs;
  return [...new Map(inputs.map((input) => [input.tensor.dataId, input])).values()];
}

/** Of tables and of what is sliced, no more than comes out. */
function numbersRead({ kernel, output }, { name, tensor }) {
  const isPart = (kernel === 'EmbedGrid' && name === 'codes') || /^(Gather|Slice)/.test(kernel);
  return isPart ? Math.min(sizeOf(tensor), sizeOf(output)) : sizeOf(tensor);
}

function flopOf({ kernel, uniforms, inputs, output }) {
  if (kernel === 'Gemm') {
    const weights = inputs.filter(({ name }) => name.startsWith('weight'));
    return 2 * uniforms.M * weights.reduce((sum, { tensor }) => sum + sizeOf(tensor), 0);
  }
  // q·kᵀ and weights·v
  if (kernel === 'Attention') return 4 * sizeOf(output) * uniforms.T;
  if (kernel.startsWith('MatMul') && uniforms.dimInner) return 2 * sizeOf(output) * uniforms.dimInner;
  if (kernel.startsWith('DepthwiseConv2D')) {
    const [height, width] = inputs[1].tensor.shape;
    return 2 * sizeOf(output) * height * width;
  }
  return 0;
}

function sizeOf({ shape }) {
  return shape.reduce((product, side) => product * side, 1);
}
