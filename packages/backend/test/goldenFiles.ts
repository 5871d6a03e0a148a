import { readFileSync } from 'node:fs';
import { fixturePath } from '@muse/fixtures';
import type { GoldenFiles } from './conformanceCases.js';

export const goldenPaths = {
  json: fixturePath('backend/ops.json'),
  safetensors: fixturePath('backend/ops.safetensors'),
};

export function readGoldens(): GoldenFiles {
  return { json: readFileSync(goldenPaths.json, 'utf8'), safetensors: readFileSync(goldenPaths.safetensors) };
}
