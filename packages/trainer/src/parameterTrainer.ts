import { type Backend, ConfigError } from '@muse/backend';
import type { ParameterSpec, Parameters } from '@muse/checkpoint';
import type { Scalar, Tensor } from '@tensorflow/tfjs';
import { accumulateGradients, clipScale, globalNorm, lossAndGradients } from './optimizers/gradients.js';
import {
  disposeTensors,
  initOptimizerState,
  type Optimizer,
  type OptimizerState,
  updateParameters,
} from './optimizers/optimizer.js';
import type { StateGroup } from './run/stateGroup.js';
import type { StepInfo } from './run/trainingTask.js';
import { emaDecayAt, initWeightEma, updateWeightEma } from './weightEma.js';

export interface ParameterTrainerOptions {
  readonly backend: Backend;
  /** Of the groups in a checkpoint: `<name>`, `<name>-optimizer`, `<name>-ema`. */
  readonly name: string;
  readonly specs: readonly ParameterSpec[];
  /** Taken over: replaced in place at each step, freed by `dispose`. */
  readonly parameters: Parameters;
  readonly optimizer: Optimizer;
  /** Global norm that gradients are clipped to; null leaves them. */
  readonly maxGradientNorm: number | null;
  /** Decay of the running mean of the weights; null keeps none. */
  readonly emaDecay: number | null;
  /** Tensors that something else moves (an EMA codebook): no gradient, but in files and in the mean. */
  readonly frozen?: readonly string[];
}

/** The parameters of one network with what trains them: gradients, optimizer state, running mean. */
export class ParameterTrainer {
  readonly parameters: Parameters;
  /** Running mean of all parameters; undefined without `emaDecay`. */
  readonly ema: Parameters | undefined;
  /** Parameters that the optimizer moves. */
  readonly names: readonly string[];
  readonly #options: ParameterTrainerOptions;
  readonly #state: OptimizerState;
  readonly #gradients = new Map<string, Tensor>();
  #numMicroBatches = 0;

  constructor(options: ParameterTrainerOptions) {
    const { backend, specs, parameters, frozen = [], emaDecay, optimizer, name } = options;
    this.#options = options;
    this.parameters = parameters;
    this.names = specs
      .filter((spec) => spec.isTrainable !== false && !frozen.includes(spec.name))
      .map((spec) => spec.name);
    if (this.names.length === 0) {
      throw new ConfigError(
        { package: 'trainer', in: 'ParameterTrainer' },
        `expected ${name} to have trainable parameters, got none`,
      );
    }
    this.#state = initOptimizerState(backend, optimizer, parameters, this.names);
    this.ema = emaDecay === null ? undefined : initWeightEma(backend, parameters, parameters.keys());
  }

  /** What a model is judged and exported by: the running mean where there is one. */
  get bestParameters(): Parameters {
    return this.ema ?? this.parameters;
  }

  /**
   * Differentiates a loss and adds its gradients to those of the step.
   *
   * @param loss f32 []; what it needs later it has to `tf.keep`
   * @returns the loss, owned by the caller
   */
  addGradients(loss: () => Tensor): Scalar {
    const { backend } = this.#options;
    const result = lossAndGradients(backend, this.parameters, this.names, loss);
    accumulateGradients(backend, this.#gradients, result.gradients, 1);
    this.#numMicroBatches++;
    return result.loss;
  }

  /**
   * One optimizer step on the mean of the gradients that were added since the last one, clipped, then the running mean.
   *
   * @param info `step` counts this network's own steps from 1
   * @returns global norm of the mean gradient before clipping, owned by the caller
   */
  apply({ step, learningRate }: StepInfo): Scalar {
    const { backend, optimizer, maxGradientNorm, emaDecay } = this.#options;
    const { tf } = backend;
    const factor = 1 / this.#numMicroBatches;
    const norm = tf.tidy(() => tf.mul(globalNorm(backend, this.#gradients.values()), factor)) as Scalar;
    const gradientScale = tf.tidy(() => tf.mul(clipScale(backend, norm, maxGradientNorm), factor)) as Scalar;
    updateParameters(backend, optimizer, this.parameters, this.#gradients, this.#state, {
      step,
      learningRate,
      gradientScale,
    });
    gradientScale.dispose();
    disposeTensors(this.#gradients);
    this.#gradients.clear();
    this.#numMicroBatches = 0;
    if (this.ema && emaDecay !== null) updateWeightEma(backend, this.ema, this.parameters, emaDecayAt(emaDecay, step));
    return norm;
  }

  /** Lets the mean of a frozen tensor begin again, where it now is. */
  restartMean(name: string): void {
    if (!this.ema) return;
    const { tf } = this.#options.backend;
    this.ema.get(name)?.dispose();
    this.ema.set(
      name,
      tf.tidy(() => tf.add(this.parameters.get(name)!, 0)),
    );
  }

  groups(): StateGroup[] {
    const { name, specs } = this.#options;
    return [
      { name, tensors: this.parameters, specs },
      { name: `${name}-optimizer`, tensors: this.#state },
      ...(this.ema ? [{ name: `${name}-ema`, tensors: this.ema, specs }] : []),
    ];
  }

  dispose(): void {
    for (const tensors of [this.parameters, this.#state, this.#gradients, this.ema ?? new Map<string, Tensor>()]) {
      disposeTensors(tensors);
      tensors.clear();
    }
  }
}
