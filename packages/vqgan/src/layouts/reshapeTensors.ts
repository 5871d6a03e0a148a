import { type Checkpoint, checkRows } from '@muse/checkpoint';

/**
 * The same checkpoint with some tensors in another shape of as many values; the bytes are the same. Closing it closes the
 * checkpoint.
 *
 * @param shapeOf the new shape of a tensor, or undefined where it keeps its own; its first axis stays
 */
export function reshapeTensors(
  checkpoint: Checkpoint,
  shapeOf: (name: string) => readonly number[] | undefined,
): Checkpoint {
  return {
    ...checkpoint,
    info(name) {
      const info = checkpoint.info(name);
      return { ...info, shape: shapeOf(name) ?? info.shape };
    },
    async read(name) {
      const tensor = await checkpoint.read(name);
      return { ...tensor, shape: shapeOf(name) ?? tensor.shape };
    },
    async readRows(name, start, count, into) {
      const shape = shapeOf(name);
      if (shape) checkRows(checkpoint.name, name, shape[0]!, start, count);
      const rows = await checkpoint.readRows(name, start, count, into);
      return shape ? { ...rows, shape: [count, ...shape.slice(1)] } : rows;
    },
  };
}
