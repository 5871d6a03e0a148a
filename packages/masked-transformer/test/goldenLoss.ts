import type { ParameterSpec } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { expect } from 'vitest';
import {
  type Conditioning,
  type MaskedBatch,
  type MaskedTokenLossOptions,
  type MaskedTokenModel,
  type MaskedTokenModelConfig,
  maskedTokenLoss,
} from '../src/index.js';
import { type GoldenModel, goldenTensors, largestDifference } from './golden.js';

const tolerance = 1e-4;

/** Loss, accuracy, and the gradient of every parameter and of the text are PyTorch's. Disposes the model. */
export async function expectGoldenLoss<Given extends Conditioning, Prepared extends { readonly textMask: tf.Tensor2D }>(
  golden: GoldenModel,
  model: MaskedTokenModel<MaskedTokenModelConfig, Given, Prepared>,
  specs: readonly ParameterSpec[],
  batch: MaskedBatch<Given>,
  options: MaskedTokenLossOptions,
): Promise<void> {
  const expected = await goldenTensors(golden, 'expected');
  for (const [name, tensor] of model.parameters) model.parameters.set(name, tf.variable(tensor));
  const text = tf.variable(batch.textEmbeds);
  let accuracy: tf.Scalar | undefined;
  const { value, grads } = tf.variableGrads(() => {
    const result = maskedTokenLoss(model, { ...batch, textEmbeds: text }, options);
    accuracy = tf.keep(result.accuracy);
    return result.loss;
  });
  expect(await largestDifference(tf.reshape(value, [1]), expected.get('loss')!)).toBeLessThan(tolerance);
  expect(await largestDifference(tf.reshape(accuracy!, [1]), expected.get('accuracy')!)).toBeLessThan(1e-6);
  expect(await largestDifference(grads[text.name]!, expected.get('gradient.text_embeds')!)).toBeLessThan(tolerance);
  for (const { name, layout } of specs) {
    const variable = model.parameters.get(name) as tf.Variable;
    const inFile = expected.get(`gradient.${name}`)!;
    const inMemory = layout === 'linear' ? tf.transpose(inFile) : inFile;
    expect(await largestDifference(grads[variable.name]!, inMemory), name).toBeLessThan(tolerance);
  }
  text.dispose();
  model.dispose();
}
