import type { Backend } from '@muse/backend';
import { initParameters, type ParameterSpec } from '@muse/checkpoint';
import {
  Augmenter,
  classifierLoss,
  resolveSceneClassifierConfig,
  SceneClassifier,
  type SceneClassifierConfig,
  sceneClassifierParameters,
  sceneLabels,
} from '@muse/evaluation';
import type { Scalar } from '@tensorflow/tfjs';
import { BatchSource } from './data/dataset.js';
import type { SceneDataset } from './data/sceneDataset.js';
import { exportComponent } from './exportComponent.js';
import { makeOptimizer } from './makeOptimizer.js';
import { meanScalars, type StepScalars } from './meanScalars.js';
import { ParameterTrainer } from './parameterTrainer.js';
import { type ClassifierSettings, trainerPresets } from './presets.js';
import type { RunFolder } from './run/runFolder.js';
import type { LoopCallbacks, TrainingResult } from './run/runTraining.js';
import type { StateGroup } from './run/stateGroup.js';
import { type ModelTask, trainAndExport } from './run/trainAndExport.js';
import type { StepInfo } from './run/trainingTask.js';

export interface ClassifierTrainingOptions extends LoopCallbacks {
  readonly backend: Backend;
  readonly run: RunFolder;
  readonly dataset: SceneDataset;
  readonly config?: Partial<SceneClassifierConfig>;
  /** Settings that differ from `trainerPresets.emoji.classifier`. */
  readonly settings?: Partial<ClassifierSettings>;
  readonly overfitOneBatch?: boolean;
}

/**
 * Trains the scene classifier that judges generated images, and whose features, with another seed, are the perceptual
 * term of the tokenizer: on real renders only, blurred, tinted and grained. Goes on from the newest checkpoint; when it
 * is done, `model/classifier/` holds the mean weights at F16.
 *
 * @throws ConfigError for settings out of their range; MuseError if a loss is not finite
 */
export async function trainClassifier(options: ClassifierTrainingOptions): Promise<TrainingResult> {
  const settings: ClassifierSettings = { ...trainerPresets.emoji.classifier, ...options.settings };
  return trainAndExport(new ClassifierTask(options, settings), options.run, settings, options);
}

class ClassifierTask implements ModelTask {
  readonly kind = 'classifier';
  readonly backend: Backend;
  readonly modelConfig: SceneClassifierConfig;
  readonly imagesPerStep: number;
  readonly #dataset: SceneDataset;
  readonly #settings: ClassifierSettings;
  readonly #batches: BatchSource;
  readonly #augmenter: Augmenter;
  readonly #specs: ParameterSpec[];
  readonly #trainer: ParameterTrainer;
  readonly #classifier: SceneClassifier;

  constructor({ backend, dataset, config, overfitOneBatch }: ClassifierTrainingOptions, settings: ClassifierSettings) {
    const { seed, batchSize, accumulationSteps, maxGradientNorm, emaDecay } = settings;
    this.backend = backend;
    this.#dataset = dataset;
    this.#settings = settings;
    this.modelConfig = resolveSceneClassifierConfig({ ...config, imageSize: dataset.imageSize });
    this.imagesPerStep = batchSize * accumulationSteps;
    this.#batches = new BatchSource(dataset, seed, overfitOneBatch);
    this.#augmenter = new Augmenter(seed);
    this.#specs = sceneClassifierParameters(this.modelConfig);
    this.#trainer = new ParameterTrainer({
      backend,
      name: 'classifier',
      specs: this.#specs,
      parameters: initParameters(backend, this.#specs, seed),
      optimizer: makeOptimizer(settings),
      maxGradientNorm,
      emaDecay,
    });
    this.#classifier = new SceneClassifier(backend, this.modelConfig, this.#trainer.parameters);
  }

  async step({ step, learningRate }: StepInfo): Promise<StepScalars> {
    const { accumulationSteps } = this.#settings;
    const parts: StepScalars[] = [];
    for (let micro = 0; micro < accumulationSteps; micro++) {
      parts.push(await this.#microBatch((step - 1) * accumulationSteps + micro));
    }
    const gradientNorm = this.#trainer.apply({ step, learningRate });
    return { ...meanScalars(this.backend, parts), gradientNorm };
  }

  groups(): StateGroup[] {
    return this.#trainer.groups();
  }

  async export(run: RunFolder): Promise<void> {
    await exportComponent(run, 'model/classifier', {
      backend: this.backend,
      parameters: this.#trainer.bestParameters,
      specs: this.#specs,
      config: this.modelConfig,
    });
  }

  dispose(): void {
    this.#trainer.dispose();
  }

  async #microBatch(batch: number): Promise<StepScalars> {
    const { tf } = this.backend;
    const { batchSize } = this.#settings;
    const { imageSize } = this.#dataset;
    const { indices, images } = await this.#batches.images(batch, batchSize);
    const pictureSize = imageSize ** 2 * 3;
    for (let i = 0; i < batchSize; i++) {
      const picture = images.subarray(i * pictureSize, (i + 1) * pictureSize);
      this.#augmenter.apply(picture, imageSize, batch * batchSize + i);
    }
    const labels = sceneLabels(Array.from(indices, (index) => this.#dataset.scene(index)));
    let accuracy: Scalar | undefined;
    const loss = this.#trainer.addGradients(() => {
      const logits = this.#classifier.forward(tf.tensor4d(images, [batchSize, imageSize, imageSize, 3]));
      const isRight = tf.equal(tf.argMax(logits.nameA, 1), tf.tensor1d(labels.nameA, 'int32'));
      accuracy = tf.keep(tf.mean(tf.cast(isRight, 'float32'))) as Scalar;
      return classifierLoss(this.backend, logits, labels);
    });
    return { loss, accuracy: accuracy! };
  }
}
