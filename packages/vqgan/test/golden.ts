import { readFileSync } from 'node:fs';
import type { Backend } from '@muse/backend';
import {
  loadParameters,
  type ModelComponent,
  openCheckpoint,
  openModelFolder,
  type ParameterSpec,
  type Parameters,
  toMemoryPermutation,
} from '@muse/checkpoint';
import { fileSource, nodeFolder } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { type Golden, goldenTensor, loadGolden } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import {
  type FeatureNetwork,
  loadVQGAN,
  PatchDiscriminator,
  type PatchDiscriminatorConfig,
  patchDiscriminatorParameters,
  VQGAN,
} from '../src/index.js';

/** Absolute, on activations, losses and gradients of order 1 at f32. */
export const tolerance = 1e-4;

const discriminatorConfig: PatchDiscriminatorConfig = { channels: 6, numLayers: 2, normNumGroups: 3 };

/** A golden model (internal/fixtures/python/vqgan.py) as a component of a model folder. */
export function goldenComponent(model: 'tiny' | 'diffusers'): ModelComponent {
  const folder = nodeFolder(fixturePath(`vqgan/${model}`));
  const config: unknown = JSON.parse(readFileSync(fixturePath(`vqgan/${model}/config.json`), 'utf8'));
  return { name: 'vqgan', config, folder, checkpoint: () => openCheckpoint(folder) };
}

/** The VQModel of a tiny, random aMUSEd pipeline as diffusers saved it (internal/fixtures/python/amused.py). */
export async function amusedComponent(): Promise<ModelComponent> {
  return (await openModelFolder(nodeFolder(fixturePath('amused/amused-tiny')))).component('vqvae');
}

/** Images and latents channels last (first in `amused`), parameters in PyTorch's layout. */
export function goldens(model: 'tiny' | 'diffusers' | 'amused', file: 'inputs' | 'expected'): Map<string, Golden> {
  const folder = model === 'amused' ? 'amused/amused-tiny' : `vqgan/${model}`;
  return loadGolden(fixturePath(`${folder}/${file}.safetensors`));
}

/** An input of the goldens, on the device. */
export function goldenInput<T extends tf.Tensor>(backend: Backend, model: 'tiny' | 'diffusers', name: string): T {
  return goldenTensor(backend, goldens(model, 'inputs').get(name)!) as T;
}

/** The golden model with every parameter a variable, as in training. */
export async function goldenTrainable(backend: Backend): Promise<VQGAN> {
  const { config, parameters } = await loadVQGAN(backend, goldenComponent('tiny'));
  return new VQGAN(backend, config, asVariables(parameters));
}

export async function goldenDiscriminator(backend: Backend): Promise<PatchDiscriminator> {
  const checkpoint = await openCheckpoint(await fileSource(fixturePath('vqgan/tiny/discriminator.safetensors')));
  const parameters = await loadParameters(backend, checkpoint, patchDiscriminatorParameters(discriminatorConfig));
  await checkpoint.close();
  return new PatchDiscriminator(backend, discriminatorConfig, asVariables(parameters));
}

/** Two convolutions with ReLU, the first of stride 2: `features.*` of the golden inputs. */
export function goldenFeatureNetwork(backend: Backend): FeatureNetwork {
  const weight = (name: string) =>
    tf.tidy(() => tf.transpose(goldenInput(backend, 'tiny', `features.${name}.weight`), [2, 3, 1, 0]) as tf.Tensor4D);
  const bias = (name: string) => goldenInput<tf.Tensor1D>(backend, 'tiny', `features.${name}.bias`);
  const [first, second] = [[weight('conv1'), bias('conv1')] as const, [weight('conv2'), bias('conv2')] as const];
  return {
    features(images) {
      const shallow = tf.relu(backend.ops.conv2d(images, ...first, { stride: 2, padding: [1, 1, 1, 1] }));
      return [shallow, tf.relu(backend.ops.conv2d(shallow, ...second))];
    },
  };
}

/** Plain tensors replaced by variables of the same values. */
export function asVariables(parameters: Parameters): Parameters {
  for (const [name, tensor] of parameters) {
    parameters.set(name, tf.variable(tensor));
    tensor.dispose();
  }
  return parameters;
}

/** A gradient of the goldens moved to memory layout, to compare with tfjs's. */
export function inMemoryLayout(backend: Backend, golden: Golden, { layout }: Pick<ParameterSpec, 'layout'>): tf.Tensor {
  return tf.tidy(() => {
    const tensor = goldenTensor(backend, golden);
    const permutation = toMemoryPermutation(layout);
    return permutation ? tf.transpose(tensor, permutation) : tensor;
  });
}

/** A golden [B, C, H, W] as [B, H, W, C]. */
export function channelsLast(backend: Backend, golden: Golden): tf.Tensor4D {
  return tf.tidy(() => tf.transpose(goldenTensor(backend, golden) as tf.Tensor4D, [0, 2, 3, 1]));
}

export function goldenTensorOf(backend: Backend, tensors: Map<string, Golden>, name: string): tf.Tensor {
  return goldenTensor(backend, tensors.get(name)!);
}
