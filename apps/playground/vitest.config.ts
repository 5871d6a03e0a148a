import { museVitest } from '../../vitest.shared.ts';

// One browser at a time: each has the cores to itself.
export default museVitest({
  include: ['src/**/*.test.ts', 'e2e/**/*.test.ts'],
  fileParallelism: false,
  testTimeout: 300_000,
  hookTimeout: 300_000,
});
