import * as tf from '@tensorflow/tfjs';
import type { Platform } from '../devices/platform/platform.js';
import { runTidy } from '../plan/eagerPlan.js';
import type { CaptureOptions, TensorFunction } from '../plan/plan.js';
import type { InputSpec } from '../plan/planInputs.js';
import { describe, dtypeOf, nodeBackend, toTensor } from './eager.js';
import { encodeCalls, outputName } from './graphCalls.js';
import { type Recording, recordOps, releaseKept } from './recordOps.js';
import { SAVED_MODEL_FILE, SAVED_MODEL_TAG } from './savedModel.js';

export interface GraphOptions extends CaptureOptions {
  readonly withFile: Platform['withFile'];
}

/** The ops of one call of a function, as a graph. */
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

  /** @param areRowsApart the function is recorded for the first row of the examples, and called for each */
  constructor(fn: TensorFunction, examples: readonly tf.Tensor[], { withFile, areRowsApart }: GraphOptions) {
    this.#withFile = withFile;
    this.specs = examples.map(toSpec);
    this.#numCalls = areRowsApart ? examples[0]!.shape[0]! : 1;
    const rows = Array.from({ length: this.#numCalls }, (_, row) =>
      examples.map((example) => (this.#numCalls > 1 ? tf.slice(example, row, 1) : withOwnData(example))),
    );
    const given = rows.flat();
    const [first, ...others] = rows as [tf.Tensor[], ...tf.Tensor[][]];
    try {
      const recording = recordOps(first, () => runTidy(() => fn(...first)));
      this.#recording = recording;
      this.#kept = recording.kept;
      this.#inputNames = [...recording.inputs, ...recording.kept].map(({ name }) => name).join();
      this.#outputNames = recording.results.map((_, i) => outputName(i)).join();
      this.#outputs = recording.results.map(toSpec);
      const results = [recording.results, ...others.map((row) => runTidy(() => fn(...row)))];
      this.#first = {
        dataIds: examples.map(({ dataId }) => dataId),
        results: recording.results.map((_, i) => tf.keep(joined(results.map((row) => row[i]!)))),
      };
      tf.dispose(results.flat().filter((result) => !given.includes(result)));
    } finally {
      tf.dispose(given);
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

function joined(rows: tf.Tensor[]): tf.Tensor {
  return rows.length > 1 ? tf.concat(rows) : tf.clone(rows[0]!);
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
