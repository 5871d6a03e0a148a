import type { Backend } from '@muse/backend';
import { initParameters, type ParameterSpec } from '@muse/checkpoint';
import type { Tensor2D } from '@tensorflow/tfjs';
import type { StepScalars } from '../src/meanScalars.js';
import { adam } from '../src/optimizers/adam.js';
import type { Optimizer } from '../src/optimizers/optimizer.js';
import { ParameterTrainer } from '../src/parameterTrainer.js';
import { itemSeeds } from '../src/randomStages.js';
import type { StepInfo, TrainingTask } from '../src/run/trainingTask.js';

const specs: ParameterSpec[] = [
  { name: 'weight', shape: [2, 3], layout: 'linear', init: { kind: 'normal', std: 1 } },
  { name: 'bias', shape: [2], layout: 'none', init: { kind: 'zeros' } },
];

/** The smallest thing that trains: y = x·W + b towards 1, on inputs that depend on the step. */
export class LineTask implements TrainingTask {
  readonly kind = 'classifier';
  readonly imagesPerStep = 5;
  readonly trainer: ParameterTrainer;
  readonly steps: number[] = [];

  /** @param onStep may throw, or give a factor for the loss */
  constructor(
    readonly backend: Backend,
    readonly onStep: (step: number) => number = () => 1,
    readonly modelConfig: unknown = { width: 3 },
    optimizer: Optimizer = adam(),
  ) {
    this.trainer = new ParameterTrainer({
      backend,
      name: 'line',
      specs,
      parameters: initParameters(backend, specs, 3),
      optimizer,
      maxGradientNorm: 1,
      emaDecay: 0.9,
    });
  }

  async step(info: StepInfo): Promise<StepScalars> {
    const factor = this.onStep(info.step);
    this.steps.push(info.step);
    const { tf, ops } = this.backend;
    const { parameters } = this.trainer;
    const values = itemSeeds(1, 9, info.step, 15).map((seed) => seed / 2 ** 53 - 0.5);
    const loss = this.trainer.addGradients(() => {
      const y = ops.linear(tf.tensor2d(values, [5, 3]), parameters.get('weight') as Tensor2D);
      return tf.mul(tf.mean(tf.square(tf.sub(tf.add(y, parameters.get('bias')!), 1))), factor);
    });
    return { loss, gradientNorm: this.trainer.apply(info), host: info.step };
  }

  groups() {
    return this.trainer.groups();
  }

  async bytes(): Promise<number[]> {
    const all: number[] = [];
    for (const { tensors } of this.groups()) for (const tensor of tensors.values()) all.push(...(await tensor.data()));
    return all;
  }

  dispose(): void {
    this.trainer.dispose();
  }
}
