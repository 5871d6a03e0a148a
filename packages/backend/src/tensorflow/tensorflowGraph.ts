import * as tf from '@tensorflow/tfjs';
import type { Platform } from '../devices/platform/platform.js';
import { inputsOfCalls } from '../plan/calls.js';
import { runTidy } from '../plan/eagerPlan.js';
import type { CaptureOptions, TensorFunction } from '../plan/plan.js';
import type { InputSpec } from '../plan/planInputs.js';
import { describe, dtypeOf, nodeBackend, toTensor } from './eager.js';
import { encodeCalls, inputNames, outputNames } from './graphCalls.js';
import { type Recording, recordOps, releaseKept } from './recordOps.js';
import { SAVED_MODEL_FILE, SAVED_MODEL_TAG } from './savedModel.js';

export interface GraphOptions extends Required<CaptureOptions> {
  readonly withFile: Platform['withFile'];
}

/** The ops of one call of a function, as a graph that calls them so often. */
export class TensorflowGraph {
  readonly specs: readonly InputSpec[];
  readonly #backend = nodeBackend();
  readonly #kept: Recording['kept'];
  readonly #outputs: readonly InputSpec[];
  /** What is fed, inputs first, and what is fetched, as the binding takes it. */
  readonly #inputNames: string;
  readonly #outputNames: string;
  readonly #withFile: GraphOptions['withFile'];
  /** Until it is loaded. */
  #recording: Recording | undefined;
  readonly #numCalls: number;
  /** What the recorded call was given and what it gave, until the first run. */
  #first: { readonly dataIds: readonly object[]; readonly results: readonly tf.Tensor[] } | undefined;
  #session: number | undefined;

  constructor(fn: TensorFunction, examples: readonly tf.Tensor[], { withFile, numCalls }: GraphOptions) {
    this.#withFile = withFile;
    this.specs = examples.map(toSpec);
    this.#numCalls = numCalls;
    const [inputs, ...others] = inputsOfCalls(examples, numCalls);
    const recorded = inputs!.map(withOwnData);
    try {
      const recording = recordOps(recorded, () => runTidy(() => fn(...recorded)));
      this.#recording = recording;
      this.#kept = recording.kept;
      this.#inputNames = inputNames(recording, numCalls).join();
      this.#outputNames = outputNames(recording, numCalls).join();
      const results = [...recording.results, ...others.flatMap((given) => runTidy(() => fn(...given)))];
      this.#outputs = results.map(toSpec);
      this.#first = {
        dataIds: examples.map(({ dataId }) => dataId),
        results: results.map((result) => tf.keep(tf.clone(result))),
      };
      tf.dispose(results.filter((result) => !recorded.includes(result) && !examples.includes(result)));
    } finally {
      tf.dispose(recorded);
    }
  }

  /** @returns tensors of the caller's */
  run(inputs: readonly tf.Tensor[]): tf.Tensor[] {
    const first = this.#first;
    if (first) {
      this.#first = undefined;
      const isSame = inputs.every(({ dataId }, i) => dataId === first.dataIds[i]);
      const results = isSame ? first.results.map((result) => tf.clone(result)) : [];
      tf.dispose([...first.results]);
      if (isSame) return results;
    }
    const { binding } = this.#backend;
    const ids = [...this.#backend.getInputTensorIds([...inputs]), ...this.#kept.map(({ id }) => id)];
    this.#session ??= this.#load();
    const handles = binding.runSavedModel(this.#session, ids, this.#inputNames, this.#outputNames);
    return handles.map((handle, i) => toTensor(handle, this.#outputs[i]!.dtype));
  }

  dispose(): void {
    releaseKept(this.#backend, this.#kept);
    if (this.#first) tf.dispose([...this.#first.results]);
    if (this.#session !== undefined) this.#backend.binding.deleteSavedModel(this.#session);
  }

  #load(): number {
    const { binding } = this.#backend;
    const bytes = encodeCalls(this.#recording!, this.#numCalls);
    this.#recording = undefined;
    return this.#withFile(SAVED_MODEL_FILE, bytes, (folder) => binding.loadSavedModel(folder, SAVED_MODEL_TAG));
  }
}

function toSpec({ shape, dtype }: tf.Tensor): InputSpec {
  return { shape, dtype };
}

/** A tensor of the same values that is no other's clone: a function may read the other one too. */
function withOwnData(tensor: tf.Tensor): tf.Tensor {
  const backend = nodeBackend();
  const attributes = describe([['T', 'TYPE', dtypeOf(tensor)]]);
  const [handle] = backend.binding.executeOp('Identity', attributes, backend.getInputTensorIds([tensor]), 1);
  return toTensor(handle!, tensor.dtype);
}
