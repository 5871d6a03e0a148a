import { museVitest } from '../../vitest.shared.ts';

export default museVitest({ include: ['src/**/*.test.mjs'] });
