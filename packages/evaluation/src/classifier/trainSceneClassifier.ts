import { type Backend, ConfigError, MuseError, randomUint32, uniform } from '@muse/backend';
import { initParameters, type Parameters } from '@muse/checkpoint';
import { type Atlas, renderScene, type SceneKind, sampleScene } from '@muse/emoji-scenes';
import * as tf from '@tensorflow/tfjs';
import { Augmenter, type AugmentOptions } from './augment.js';
import { resolveSceneClassifierConfig, type SceneClassifierConfig } from './config.js';
import { classifierLoss } from './loss.js';
import { sceneClassifierParameters } from './parameters.js';
import { IGNORED, type SceneLabels, sceneLabels } from './reading.js';
import { renderOnColour } from './renderOnColour.js';
import { SceneClassifier } from './sceneClassifier.js';
import { withMissing } from './withMissing.js';

export interface ClassifierTrainingOptions extends AugmentOptions {
  readonly backend: Backend;
  readonly atlas: Atlas;
  /** Of weights, scenes and changes. Default 0. */
  readonly seed?: number;
  /** Default 3500. */
  readonly numSteps?: number;
  /** Default 64. */
  readonly batchSize?: number;
  /** At the end of the warm-up; a cosine takes it to 1/100. Default 2e-3. */
  readonly learningRate?: number;
  /** Pixels by which sprites are moved off their places. Default 2. */
  readonly jitter?: number;
  /**
   * Share of the pictures that stand on a colour of no name, which teach no background. Without them a network learns
   * which styles of a name it never sees on a background, and reads just the held-out ones wrong. Default 0.3.
   */
  readonly recolour?: number;
  /** Share of the counts and pairs of which some sprites are missing (`withMissing`). Default 0.25. */
  readonly missing?: number;
  readonly config?: Partial<SceneClassifierConfig>;
  readonly onStep?: (progress: ClassifierProgress) => void;
  readonly signal?: AbortSignal;
}

export interface ClassifierProgress {
  /** From 1. */
  readonly step: number;
  readonly numSteps: number;
  readonly loss: number;
  readonly learningRate: number;
}

const SCENE_SEED_STAGE = 0xc1a5;
const COLOUR_STAGE = 0xc1a6;
const MISSING_STAGE = 0xc1a7;
const WARMUP_SHARE = 0.03;
/** More pairs than the scenes have by themselves: only they teach `nameB`. */
const kinds: Readonly<Record<SceneKind, number>> = { single: 0.4, count: 0.2, pair: 0.4 };

/**
 * Trains a classifier on scenes of the train split by Adam (Kingma & Ba 2015, arXiv 1412.6980). The caller disposes it.
 *
 * @throws ConfigError for settings out of their range; MuseError when the loss is not finite; the signal's reason
 */
export async function trainSceneClassifier(options: ClassifierTrainingOptions): Promise<SceneClassifier> {
  const { backend, seed = 0, numSteps = 3500, batchSize = 64, learningRate: peak = 2e-3, onStep, signal } = options;
  checkCounts({ numSteps, batchSize });
  const config = resolveSceneClassifierConfig(options.config);
  const specs = sceneClassifierParameters(config);
  const parameters = toVariables(initParameters(backend, specs, seed));
  const classifier = new SceneClassifier(backend, config, parameters);
  const optimizer = new ScheduledAdam(peak);
  const batches = new SceneBatches(options, config.imageSize, seed, batchSize);
  try {
    for (let step = 1; step <= numSteps; step++) {
      signal?.throwIfAborted();
      optimizer.rate = rateAt(step, numSteps, peak);
      const { pixels, labels } = batches.at(step);
      const loss = tf.tidy(() => {
        const images = tf.tensor4d(pixels, [batchSize, config.imageSize, config.imageSize, 3]);
        const variables = [...parameters.values()] as tf.Variable[];
        return optimizer.minimize(() => classifierLoss(backend, classifier.forward(images), labels), true, variables)!;
      });
      const [value] = await loss.data();
      loss.dispose();
      if (!Number.isFinite(value)) throw problem(`expected a finite loss, got ${value} at step ${step}`);
      onStep?.({ step, numSteps, loss: value!, learningRate: optimizer.rate });
    }
    await backend.checkErrors();
    return classifier;
  } catch (error) {
    classifier.dispose();
    throw error;
  } finally {
    optimizer.dispose();
  }
}

/** Adam whose learning rate may change between steps. */
class ScheduledAdam extends tf.AdamOptimizer {
  constructor(learningRate: number) {
    super(learningRate, 0.9, 0.99, 1e-7);
  }

  get rate(): number {
    return this.learningRate;
  }

  set rate(value: number) {
    this.learningRate = value;
  }
}

/** Linear warm-up, then half a cosine down to a hundredth (Loshchilov & Hutter 2017, arXiv 1608.03983). */
function rateAt(step: number, numSteps: number, peak: number): number {
  const warmup = Math.ceil(numSteps * WARMUP_SHARE);
  if (step < warmup) return (peak * step) / warmup;
  const progress = (step - warmup) / Math.max(1, numSteps - warmup);
  return peak * (0.01 + (0.99 * (1 + Math.cos(Math.PI * progress))) / 2);
}

/** Batch `step` is a function of seed and step. */
class SceneBatches {
  readonly #augmenter: Augmenter;

  constructor(
    readonly options: Pick<ClassifierTrainingOptions, 'atlas' | 'jitter' | 'recolour' | 'missing'> & AugmentOptions,
    readonly imageSize: number,
    readonly seed: number,
    readonly batchSize: number,
  ) {
    this.#augmenter = new Augmenter(seed, options);
  }

  at(step: number): { pixels: Float32Array; labels: SceneLabels } {
    const { imageSize, seed, batchSize } = this;
    const { atlas, jitter = 2, recolour = 0.3, missing = 0.25 } = this.options;
    const pixels = new Float32Array(batchSize * imageSize * imageSize * 3);
    const seeds = [...randomUint32({ seed, stage: SCENE_SEED_STAGE, step }, batchSize)];
    const scenes = seeds.map((sceneSeed) => {
      const scene = sampleScene({ seed: sceneSeed, split: 'train', kinds, jitter });
      const u = uniform({ seed: sceneSeed, stage: MISSING_STAGE }, 4);
      return u[0]! < missing ? withMissing(scene, [u[1]!, u[2]!, u[3]!]) : scene;
    });
    const labels = sceneLabels(scenes);
    scenes.forEach((scene, i) => {
      const index = step * batchSize + i;
      const u = uniform({ seed, stage: COLOUR_STAGE, step: index }, 4);
      const isRecoloured = u[0]! < recolour;
      const picture = isRecoloured
        ? renderOnColour(atlas, scene, [u[1]!, u[2]!, u[3]!], imageSize)
        : renderScene(atlas, scene, imageSize);
      if (isRecoloured) labels.background[i] = IGNORED;
      this.#augmenter.apply(picture, imageSize, index);
      pixels.set(picture, i * picture.length);
    });
    return { pixels, labels };
  }
}

function toVariables(parameters: Parameters): Parameters {
  return new Map(
    [...parameters].map(([name, tensor]) => {
      const variable = tf.variable(tensor);
      tensor.dispose();
      return [name, variable];
    }),
  );
}

function checkCounts(counts: Readonly<Record<string, number>>): void {
  for (const [name, value] of Object.entries(counts)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    const place = { package: 'evaluation', in: 'trainSceneClassifier' };
    throw new ConfigError(place, `expected ${name} to be a positive integer, got ${value}`);
  }
}

function problem(message: string): MuseError {
  return new MuseError({ package: 'evaluation', in: 'trainSceneClassifier' }, message);
}
