import { ShapeError } from '@muse/backend';
import * as tf from '@tensorflow/tfjs';
import type { Conditioning, MaskedTokenModel, MaskedTokenModelConfig } from '../maskedTokenModel.js';
import type { SampledMasking } from './sampleMasking.js';

/** A masking of {@link sampleMasking}. */
export interface MaskedTokens extends Pick<SampledMasking, 'maskedIds' | 'labels' | 'lossMask'> {
  /** [B]: 1 hides the image's text. Default none. */
  readonly isTextDropped?: Uint8Array;
}

/** A masking beside what the model is conditioned on: texts, and whatever else `prepare` takes. */
export type MaskedBatch<Given extends Conditioning = Conditioning> = MaskedTokens & Given;

export interface MaskedTokenLoss {
  /** f32 scalar: mean over all masked tokens of the batch. */
  readonly loss: tf.Scalar;
  /** f32 scalar: share of the masked tokens whose most likely code is the label. No gradient. */
  readonly accuracy: tf.Scalar;
  /** Masked tokens in the batch: the weight of this batch's mean when several are added up. */
  readonly numMasked: number;
}

export interface MaskedTokenLossOptions {
  /**
   * Compute the head at every position, not at the masked ones alone, so that every step has the same shapes. For devices
   * that keep a buffer or a shader per shape; slower elsewhere. Default true on `webgpu`.
   */
  readonly hasFixedShapes?: boolean;
}

const place = { package: 'masked-transformer', in: 'maskedTokenLoss' };

/**
 * Cross-entropy with label smoothing over the masked tokens alone (arXiv 2301.00704, section 2.3), of the base model or the
 * super-resolution model.
 *
 * Differentiable in the transformer's parameters and in `textEmbeds`, so that a text encoder can learn with it. Call it
 * inside `tf.variableGrads`, and `tf.keep` the accuracy if it is wanted outside. The caller owns both scalars.
 *
 * @throws ShapeError if the arrays are not [B·S] for the B of `textEmbeds`, or if nothing is masked
 */
export function maskedTokenLoss<Given extends Conditioning, Prepared extends { readonly textMask: tf.Tensor2D }>(
  transformer: MaskedTokenModel<MaskedTokenModelConfig, Given, Prepared>,
  batch: MaskedBatch<Given>,
  { hasFixedShapes = transformer.backend.name === 'webgpu' }: MaskedTokenLossOptions = {},
): MaskedTokenLoss {
  const { seqLen, config, backend } = transformer;
  const { maskedIds, labels, lossMask, textEmbeds, isTextDropped } = batch;
  const batchSize = textEmbeds.shape[0];
  checkLengths(batch, batchSize, seqLen);
  const masked = positionsOf(lossMask);
  if (masked.length === 0) throw new ShapeError(place, 'expected at least one masked token, got none');
  const counted = hasFixedShapes ? undefined : masked;

  const { loss, accuracy } = tf.tidy(() => {
    const textMask = isTextDropped ? hideDropped(batch.textMask, isTextDropped) : batch.textMask;
    const prepared = transformer.prepare({ ...batch, textMask });
    const ids = tf.tensor2d(maskedIds, [batchSize, seqLen], 'int32');
    const states = tf.reshape(transformer.hiddenStates(ids, prepared), [batchSize * seqLen, config.hiddenSize]);
    const rows = counted ? backend.ops.embedding(states as tf.Tensor2D, tf.tensor1d(counted, 'int32')) : states; // f32 [M, D]
    const logits = transformer.head(rows) as tf.Tensor2D; // f32 [M, V]
    const targets = tf.tensor1d(counted ? counted.map((position) => labels[position]!) : labels, 'int32'); // i32 [M]
    const weights = counted ? undefined : tf.tensor1d(lossMask); // f32 [M]
    const mean = (perToken: tf.Tensor) =>
      tf.div(tf.sum(weights ? tf.mul(perToken, weights) : perToken), masked.length) as tf.Scalar;
    const perToken = backend.ops.crossEntropy(logits, targets, config.labelSmoothing); // f32 [M]
    const isRight = tf.cast(tf.equal(tf.argMax(logits, 1), targets), 'float32'); // f32 [M]
    return { loss: mean(perToken), accuracy: mean(isRight) };
  });
  return { loss, accuracy, numMasked: masked.length };
}

/** Rows of a text mask set to zero. @returns f32 [B, T] */
function hideDropped(textMask: tf.Tensor2D, isTextDropped: Uint8Array): tf.Tensor2D {
  const keeps = tf.tensor2d(
    Float32Array.from(isTextDropped, (drop) => 1 - drop),
    [isTextDropped.length, 1],
  ); // f32 [B, 1]
  return tf.mul(textMask, keeps);
}

function positionsOf(lossMask: Float32Array): Int32Array {
  const positions = new Int32Array(lossMask.length);
  let count = 0;
  lossMask.forEach((weight, position) => {
    if (weight !== 0) positions[count++] = position;
  });
  return positions.slice(0, count);
}

function checkLengths(batch: MaskedTokens, batchSize: number, seqLen: number): void {
  for (const name of ['maskedIds', 'labels', 'lossMask'] as const) {
    const { length } = batch[name];
    if (length !== batchSize * seqLen) {
      throw new ShapeError(place, `expected ${name} [${batchSize} · ${seqLen}], got [${length}]`);
    }
  }
  if (batch.isTextDropped && batch.isTextDropped.length !== batchSize) {
    throw new ShapeError(place, `expected isTextDropped [${batchSize}], got [${batch.isTextDropped.length}]`);
  }
}
