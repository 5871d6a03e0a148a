import * as tf from '@tensorflow/tfjs';

/** Tensors of an object's fields and lists, in order. */
export function tensorsOf(value: unknown): tf.Tensor[] {
  if (value instanceof tf.Tensor) return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(tensorsOf);
}

/** The same object with other tensors in their places. */
export function withTensors<T>(value: T, tensors: readonly tf.Tensor[]): T {
  let next = 0;
  const replace = (part: unknown): unknown => {
    if (part instanceof tf.Tensor) return tensors[next++];
    if (Array.isArray(part)) return part.map(replace);
    if (typeof part !== 'object' || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, field]) => [key, replace(field)]));
  };
  return replace(value) as T;
}

/** Objects of one kind as one: each tensor those of the parts, one below the other. The caller disposes it, and the parts. */
export function joinRows<T extends { dispose(): void }>(parts: readonly T[]): T {
  const lists = parts.map(tensorsOf);
  const joined = lists[0]!.map((_, i) => tf.concat(lists.map((list) => list[i]!)));
  return { ...withTensors(parts[0]!, joined), dispose: () => tf.dispose(joined) };
}

/** Of each tensor of an object its first row. The caller disposes it. */
export function firstRow<T extends { dispose(): void }>(value: T): T {
  const rows = tensorsOf(value).map((tensor) => tf.slice(tensor, 0, 1));
  return { ...withTensors(value, rows), dispose: () => tf.dispose(rows) };
}
