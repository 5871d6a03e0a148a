import { expectNoLeaks, expectTensorClose, type Golden, goldenTensor, tolerances } from '@muse/test-utils/checks';
import type { Tensor } from '@tensorflow/tfjs';
import type { Backend, BasicOps } from '../src/index.js';
import type { ConformanceCase } from './conformanceCase.js';

/** An entry of ops.json, made by internal/fixtures/python/ops.py. */
export interface GoldenCase {
  readonly name: string;
  readonly op: keyof BasicOps;
  /** Float inputs that have a gradient. */
  readonly inputs: readonly string[];
  readonly constants: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** Order of each op's arguments; what is no tensor comes from the options. */
export const signatures: Readonly<Record<keyof BasicOps, readonly string[]>> = {
  linear: ['x', 'weight', 'bias'],
  attention: ['q', 'k', 'v', '*'],
  layerNorm: ['x', 'weight', 'bias', 'epsilon'],
  rmsNorm: ['x', 'weight', 'epsilon'],
  groupNorm: ['x', 'weight', 'bias', 'numGroups', 'epsilon'],
  gelu: ['x'],
  geluTanh: ['x'],
  geglu: ['x'],
  silu: ['x'],
  conv2d: ['x', 'weight', 'bias', '*'],
  upsampleNearest: ['x', 'scale'],
  embedding: ['table', 'ids'],
  nearestCode: ['x', 'codebook'],
  crossEntropy: ['logits', 'labels', 'labelSmoothing'],
};

/** Ops as PyTorch computes them: values, and gradients where there are some. */
export function goldenCases(
  cases: readonly GoldenCase[],
  goldens: ReadonlyMap<string, Golden>,
): readonly ConformanceCase[] {
  return cases.map((goldenCase) => ({
    name: `${goldenCase.name}: value${goldenCase.inputs.length > 0 ? ' and gradients' : ''}`,
    run: (backend) => expectNoLeaks(backend, () => compare(backend, goldenCase, goldens)),
  }));
}

async function compare(backend: Backend, goldenCase: GoldenCase, goldens: ReadonlyMap<string, Golden>): Promise<void> {
  const { tf } = backend;
  const { name, inputs, constants } = goldenCase;
  const tolerance = tolerances[backend.name];
  const golden = (key: string) => {
    const found = goldens.get(`${name}/${key}`);
    if (!found) throw new Error(`no golden ${name}/${key}`);
    return found;
  };
  const load = (key: string) => goldenTensor(backend, golden(key));
  const fixed = Object.fromEntries(constants.map((key) => [key, load(key)]));
  const leaves = inputs.map(load);
  const forward = (...tensors: Tensor[]) =>
    apply(backend, goldenCase, { ...fixed, ...Object.fromEntries(inputs.map((key, i) => [key, tensors[i]!])) });

  const value = forward(...leaves);
  await expectTensorClose(value, golden('y'), tolerance, 'y');
  const made = [value, ...leaves, ...Object.values(fixed)];
  if (inputs.length > 0) {
    const dy = load('dy');
    const gradients = tf.grads(forward)(leaves, dy);
    for (const [i, key] of inputs.entries()) {
      await expectTensorClose(gradients[i]!, golden(`d${key}`), tolerance, `d${key}`);
    }
    made.push(dy, ...gradients);
  }
  tf.dispose(made);
}

/** `*` stands for the options object, which holds the tensors that are no positional argument too. */
function apply({ ops }: Backend, { op, options }: GoldenCase, tensors: Readonly<Record<string, Tensor>>): Tensor {
  const args = signatures[op].map((name) =>
    name === '*' ? { ...options, ...tensors } : (tensors[name] ?? options[name]),
  );
  return (ops[op] as (...args: unknown[]) => Tensor)(...args);
}
