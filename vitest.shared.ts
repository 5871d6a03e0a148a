import { fileURLToPath } from 'node:url';
import { defineConfig, type ViteUserConfig } from 'vitest/config';

const packages = fileURLToPath(new URL('./packages/', import.meta.url));

/** The test configuration of every workspace: `@muse/*` resolves to sources, so no build is needed; tfjs is one instance. */
export function museVitest(overrides: ViteUserConfig['test'] = {}): ViteUserConfig {
  return defineConfig({
    resolve: {
      alias: [
        {
          find: /^@muse\/(backend|checkpoint|vqgan|t5-encoder|clip-encoder|masked-transformer|sampler|muse|trainer|evaluation|emoji-scenes)(\/node|\/worker)?$/,
          replacement: `${packages}$1/src$2/index.ts`,
        },
      ],
    },
    test: {
      include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
      passWithNoTests: false,
      reporters: ['default', ['json', { outputFile: 'reports/test.json' }]],
      pool: 'forks',
      maxWorkers: 2,
      testTimeout: 120_000,
      hookTimeout: 120_000,
      ...overrides,
    },
  });
}
