import { parseGolden } from '@muse/test-utils/checks';
import type { DeviceName } from '../src/index.js';
import type { ConformanceCase } from './conformanceCase.js';
import { fusedCases } from './fusedCases.js';
import { type GoldenCase, goldenCases } from './goldenCases.js';
import { packedCases } from './packedCases.js';
import { randomCases } from './randomCases.js';

/** The goldens as a host reads them: from files in Node, by `fetch` in a page. */
export interface GoldenFiles {
  /** ops.json */
  readonly json: string;
  /** ops.safetensors */
  readonly safetensors: Uint8Array;
}

/** All that a device must do alike, wherever it runs. */
export function conformanceCases(device: DeviceName, { json, safetensors }: GoldenFiles): readonly ConformanceCase[] {
  const { cases } = JSON.parse(json) as { cases: GoldenCase[] };
  const all = [...goldenCases(cases, parseGolden(safetensors)), ...fusedCases, ...packedCases, ...randomCases];
  return all.filter(({ devices }) => devices?.includes(device) ?? true);
}
