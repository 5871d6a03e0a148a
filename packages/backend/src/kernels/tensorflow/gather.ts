import * as tf from '@tensorflow/tfjs';
import { dtypeOf, nodeBackend, runOp, TfDataType } from '../../tensorflow/eager.js';

/** tfjs reads the indices back to check them. On the CPU TensorFlow does that itself, so that a function which gathers can be a graph. */
export function checkedGather(original: tf.KernelFunc | undefined): tf.KernelFunc {
  return (call) => {
    if (nodeBackend().isUsingGpuDevice) return original!(call);
    const { x, indices } = call.inputs as { x: tf.Tensor; indices: tf.Tensor };
    const { axis, batchDims } = call.attrs as unknown as { axis: number; batchDims: number };
    tf.backend_util.segment_util.collectGatherOpShapeInfo(x, indices, axis, batchDims); // throws where they don't fit
    const axisTensor = tf.scalar(axis, 'int32');
    const y = runOp(
      'GatherV2',
      [
        ['batch_dims', 'INT', batchDims],
        ['Tparams', 'TYPE', dtypeOf(x)],
        ['Tindices', 'TYPE', dtypeOf(indices)],
        ['Taxis', 'TYPE', TfDataType.int32],
      ],
      [x, indices, axisTensor],
    );
    axisTensor.dispose();
    return y;
  };
}
