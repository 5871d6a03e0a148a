import { readFile } from 'node:fs/promises';
import type { Backend } from '@muse/backend';
import { initParameters, type ModelComponent, openCheckpoint, type Parameters } from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import * as tf from '@tensorflow/tfjs';
import { MaskedTransformer, maskedTransformerParameters, resolveMaskedTransformerConfig } from '../src/index.js';

/** Sizes of the golden model: B = 3, T = 11, S = 25, V = 31, D = 21, text width 13. */
export const goldenSizes = { B: 3, T: 11, S: 25, V: 31, D: 21, textDim: 13 } as const;

/** The golden model (internal/fixtures/python/masked_transformer.py), as a component of a model folder. */
export async function goldenComponent(): Promise<ModelComponent> {
  const folder = nodeFolder(fixturePath('masked-transformer'));
  const config: unknown = JSON.parse(await readFile(fixturePath('masked-transformer/config.json'), 'utf8'));
  return { name: 'transformer', config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** Tensors of one file of the goldens, in PyTorch's layout. */
export async function goldenTensors(file: 'inputs' | 'expected'): Promise<Map<string, tf.Tensor>> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath(`masked-transformer/${file}.safetensors`)));
  const tensors = new Map<string, tf.Tensor>();
  for (const name of checkpoint.names) {
    const { data, shape, dtype } = await checkpoint.read(name);
    tensors.set(name, tf.tensor(data as Float32Array, [...shape], dtype === 'I32' ? 'int32' : 'float32'));
  }
  await checkpoint.close();
  return tensors;
}

/** A fresh model of the golden's sizes whose parameters are variables of ordinary size, so that wrong ops show. */
export function variableModel(backend: Backend, seed: number, numLayers = 2): MaskedTransformer {
  const config = resolveMaskedTransformerConfig({
    latentSize: 5,
    codebookSize: 31,
    hiddenSize: 21,
    numLayers,
    numHeads: 3,
    mlpDim: 29,
    textDim: 13,
  });
  const specs = maskedTransformerParameters(config).map((spec) =>
    spec.init.kind === 'normal' ? { ...spec, init: { kind: 'normal' as const, std: 0.3 } } : spec,
  );
  const parameters: Parameters = new Map();
  for (const [name, tensor] of initParameters(backend, specs, seed)) {
    parameters.set(name, tf.variable(tensor));
    tensor.dispose();
  }
  return new MaskedTransformer(backend, config, parameters);
}

export async function largestDifference(actual: tf.Tensor, expected: tf.Tensor): Promise<number> {
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`expected shape [${expected.shape}], got [${actual.shape}]`);
  }
  const [a, b] = [await actual.data(), await expected.data()];
  let worst = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    // A NaN counts as infinitely far.
    worst = Math.max(worst, Number.isNaN(difference) ? Infinity : difference);
  }
  return worst;
}
