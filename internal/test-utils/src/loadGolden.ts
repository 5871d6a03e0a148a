import { readFileSync } from 'node:fs';
import { type Golden, parseGolden } from './golden.js';

/** Tensors of a small safetensors file by name. */
export function loadGolden(path: string): Map<string, Golden> {
  return parseGolden(readFileSync(path));
}
