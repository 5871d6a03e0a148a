import type * as tf from '@tensorflow/tfjs';
import { runTidy } from '../plan/eagerPlan.js';
import type { Plan, TensorFunction } from '../plan/plan.js';
import { checkNotDisposed, fitInputs, toTensors } from '../plan/planInputs.js';
import { type GraphOptions, TensorflowGraph } from './tensorflowGraph.js';

/**
 * Captures a function as a TensorFlow graph: no JavaScript between its ops, which write into memory that nobody reads any more
 * and run side by side where they can. The capture calls the function; its results are those of a first run with the same
 * tensors, and the graph is made when others come.
 */
export function tensorflowPlan(fn: TensorFunction, examples: readonly tf.Tensor[], options: GraphOptions): Plan {
  let graph = new TensorflowGraph(fn, examples, options);
  let isDisposed = false;
  return {
    dispatchCount: 0,
    sizeBytes: 0,

    async run(inputs) {
      checkNotDisposed(isDisposed);
      const doFit = fitInputs(graph.specs, inputs);
      return runTidy(() => {
        const given = toTensors(graph.specs, inputs);
        if (!doFit) {
          const next = new TensorflowGraph(fn, given, options);
          graph.dispose();
          graph = next;
        }
        return graph.run(given);
      });
    },

    dispose() {
      if (isDisposed) return;
      isDisposed = true;
      graph.dispose();
    },
  };
}
