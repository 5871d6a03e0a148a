import type { Backend } from '@muse/backend';
import { type Checkpoint, type ParameterSpec, type Parameters, readFloats } from '@muse/checkpoint';
import type { T5Config } from '../config.js';
import { type BlockSource, blockSpecs, loadSome } from './blockSource.js';
import { dequantize, type Int8Matrix, quantizeRows } from './int8Matrix.js';

interface Int8Block {
  readonly matrices: ReadonlyMap<string, Int8Matrix>;
  readonly norms: readonly ParameterSpec[];
}

/**
 * Blocks read once and kept in memory at 8 bits per weight (4.7 GB of XXL); each is widened to f32 when its turn comes. The
 * norms, which are small, are read from the file as they are.
 *
 * @throws WeightError for a value that is not finite, or a file that can't be read
 */
export async function int8Blocks(backend: Backend, checkpoint: Checkpoint, config: T5Config): Promise<BlockSource> {
  const blocks: Int8Block[] = [];
  for (let layer = 0; layer < config.numLayers; layer++) {
    const specs = blockSpecs(config, layer);
    const matrices = new Map<string, Int8Matrix>();
    for (const { name, shape } of specs) {
      if (shape.length === 2) matrices.set(name, await readInt8(checkpoint, name, shape[0]!, shape[1]!));
    }
    blocks.push({ matrices, norms: specs.filter(({ name }) => !matrices.has(name)) });
  }
  return {
    async block(layer) {
      const { matrices, norms } = blocks[layer]!;
      const weights: Parameters = await loadSome(backend, checkpoint, norms);
      for (const [name, matrix] of matrices) {
        const numRows = matrix.scales.length;
        const shape: [number, number] = [numRows, matrix.values.length / numRows];
        weights.set(name, backend.tf.tensor2d(dequantize(matrix), shape, 'float32'));
      }
      return weights;
    },
  };
}

async function readInt8(checkpoint: Checkpoint, name: string, numRows: number, width: number): Promise<Int8Matrix> {
  const matrix = { values: new Int8Array(numRows * width), scales: new Float32Array(numRows) };
  for await (const { start, values } of readFloats(checkpoint, [name])) quantizeRows(values, width, matrix, start);
  return matrix;
}
