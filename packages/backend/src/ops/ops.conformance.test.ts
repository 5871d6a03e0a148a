import { readFileSync } from 'node:fs';
import { fixturePath } from '@muse/fixtures';
import {
  describeBackends,
  expectNoLeaks,
  expectTensorClose,
  type Golden,
  goldenTensor,
  loadGolden,
  tolerances,
} from '@muse/test-utils';
import type { Tensor } from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import type { Backend, BasicOps } from '../index.js';

interface GoldenCase {
  readonly name: string;
  readonly op: keyof BasicOps;
  /** Float inputs that have a gradient. */
  readonly inputs: readonly string[];
  readonly constants: readonly string[];
  readonly options: Readonly<Record<string, unknown>>;
}

const { cases } = JSON.parse(readFileSync(fixturePath('backend/ops.json'), 'utf8')) as { cases: GoldenCase[] };
const goldens = loadGolden(fixturePath('backend/ops.safetensors'));

/** Order of each op's arguments; what is no tensor comes from the options. */
const signatures: Readonly<Record<keyof BasicOps, readonly string[]>> = {
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

/** `*` stands for the options object, which holds the tensors that are no positional argument too. */
function apply({ ops }: Backend, { op, options }: GoldenCase, tensors: Readonly<Record<string, Tensor>>): Tensor {
  const args = signatures[op].map((name) =>
    name === '*' ? { ...options, ...tensors } : (tensors[name] ?? options[name]),
  );
  return (ops[op] as (...args: unknown[]) => Tensor)(...args);
}

function golden(name: string): Golden {
  const found = goldens.get(name);
  if (!found) throw new Error(`no golden ${name}`);
  return found;
}

it('has a golden for every op', () => {
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(signatures).sort());
});

describeBackends('ops as PyTorch computes them', (backend, device) => {
  for (const goldenCase of cases) {
    const { name, inputs, constants } = goldenCase;
    const hasGradient = inputs.length > 0;

    it(`${name}: value${hasGradient ? ' and gradients' : ''}`, async () => {
      const { tf } = backend();
      await expectNoLeaks(backend(), async () => {
        const load = (key: string) => goldenTensor(backend(), golden(`${name}/${key}`));
        const fixed = Object.fromEntries(constants.map((key) => [key, load(key)]));
        const leaves = inputs.map(load);
        const forward = (...tensors: Tensor[]) =>
          apply(backend(), goldenCase, { ...fixed, ...Object.fromEntries(inputs.map((key, i) => [key, tensors[i]!])) });

        const value = forward(...leaves);
        await expectTensorClose(value, golden(`${name}/y`), tolerances[device], 'y');
        const made = [value, ...leaves, ...Object.values(fixed)];
        if (hasGradient) {
          const dy = load('dy');
          const gradients = tf.grads(forward)(leaves, dy);
          for (const [i, key] of inputs.entries()) {
            const expected = golden(`${name}/d${key}`);
            await expectTensorClose(gradients[i]!, expected, tolerances[device], `d${key}`);
          }
          made.push(dy, ...gradients);
        }
        tf.dispose(made);
      });
    });
  }
});
