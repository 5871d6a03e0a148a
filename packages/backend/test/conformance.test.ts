import { describeBackends } from '@muse/test-utils';
import { expect, it } from 'vitest';
import { conformanceCases } from './conformanceCases.js';
import { type GoldenCase, signatures } from './goldenCases.js';
import { readGoldens } from './goldenFiles.js';

const goldens = readGoldens();

it('has a golden for every op', () => {
  const { cases } = JSON.parse(goldens.json) as { cases: GoldenCase[] };
  expect([...new Set(cases.map(({ op }) => op))].sort()).toEqual(Object.keys(signatures).sort());
});

describeBackends('conformance', (backend, device) => {
  for (const { name, missing, run } of conformanceCases(device, goldens)) {
    it(name, async ({ skip }) => {
      const lacks = missing?.(backend());
      if (lacks) skip(lacks);
      await run(backend());
    });
  }
});
