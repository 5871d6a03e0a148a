import { readFile } from 'node:fs/promises';
import type { Backend } from '@muse/backend';
import {
  initParameters,
  type ModelComponent,
  openCheckpoint,
  type ParameterSpec,
  type Parameters,
} from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import * as tf from '@tensorflow/tfjs';
import {
  type MaskedTokens,
  MaskedTransformer,
  maskedTransformerParameters,
  resolveMaskedTransformerConfig,
  resolveSuperResTransformerConfig,
  SuperResTransformer,
  superResTransformerParameters,
} from '../src/index.js';

/** Sizes of the golden model: B = 3, T = 11, S = 25, V = 31, D = 21, text width 13. */
export const goldenSizes = { B: 3, T: 11, S: 25, V: 31, D: 21, textDim: 13 } as const;

/** Sizes of the golden super-resolution model: 3 × 3 blocks of 2 × 2 tokens, 9 coarse tokens of 23 codes. */
export const superResSizes = { B: 3, T: 11, S: 36, V: 31, D: 28, textDim: 13, numCoarse: 9, coarseV: 23 } as const;

/** Folders of the goldens, each made by the script of its name in internal/fixtures/python. */
export type GoldenModel = 'masked-transformer' | 'super-res-transformer';

/** The golden model, as a component of a model folder. */
export async function goldenComponent(model: GoldenModel): Promise<ModelComponent> {
  const folder = nodeFolder(fixturePath(model));
  const config: unknown = JSON.parse(await readFile(fixturePath(`${model}/config.json`), 'utf8'));
  return { name: model, config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** Tensors of one file of the goldens, in PyTorch's layout. */
export async function goldenTensors(model: GoldenModel, file: 'inputs' | 'expected'): Promise<Map<string, tf.Tensor>> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath(`${model}/${file}.safetensors`)));
  const tensors = new Map<string, tf.Tensor>();
  for (const name of checkpoint.names) {
    const { data, shape, dtype } = await checkpoint.read(name);
    tensors.set(name, tf.tensor(data as Float32Array, [...shape], dtype === 'I32' ? 'int32' : 'float32'));
  }
  await checkpoint.close();
  return tensors;
}

/** The golden masking and its texts; the last image's text is dropped. */
export async function goldenBatch(
  model: GoldenModel,
): Promise<MaskedTokens & { isTextDropped: Uint8Array; textEmbeds: tf.Tensor3D; textMask: tf.Tensor2D }> {
  const inputs = await goldenTensors(model, 'inputs');
  return {
    maskedIds: (await inputs.get('masked_ids')!.data()) as Int32Array,
    labels: (await inputs.get('labels')!.data()) as Int32Array,
    lossMask: (await inputs.get('loss_mask')!.data()) as Float32Array,
    isTextDropped: Uint8Array.from(await inputs.get('is_text_dropped')!.data()),
    textEmbeds: inputs.get('text_embeds') as tf.Tensor3D,
    textMask: inputs.get('text_mask') as tf.Tensor2D,
  };
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
  return new MaskedTransformer(backend, config, variables(backend, maskedTransformerParameters(config), seed));
}

/** Likewise of the golden super-resolution model's sizes. */
export function variableSuperRes(backend: Backend, seed: number): SuperResTransformer {
  const config = resolveSuperResTransformerConfig({
    latentSize: 6,
    codebookSize: 31,
    coarseLatentSize: 3,
    coarseCodebookSize: 23,
    hiddenSize: 28,
    numLayers: 2,
    coarseNumLayers: 1,
    numHeads: 4,
    mlpDim: 29,
    textDim: 13,
    blockSize: 2,
  });
  return new SuperResTransformer(backend, config, variables(backend, superResTransformerParameters(config), seed));
}

function variables(backend: Backend, specs: readonly ParameterSpec[], seed: number): Parameters {
  const ordinary = specs.map((spec) =>
    spec.init.kind === 'normal' ? { ...spec, init: { kind: 'normal' as const, std: 0.3 } } : spec,
  );
  const parameters: Parameters = new Map();
  for (const [name, tensor] of initParameters(backend, ordinary, seed)) {
    parameters.set(name, tf.variable(tensor));
    tensor.dispose();
  }
  return parameters;
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
