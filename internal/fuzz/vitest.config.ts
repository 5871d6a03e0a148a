import { museVitest } from '../../vitest.shared.ts';

export default museVitest({ testTimeout: 3_600_000 });
