import { museVitest } from '../../vitest.shared.ts';

// Packing and installing everything takes a minute or two on a cold npm cache.
export default museVitest({ hookTimeout: 600_000, testTimeout: 300_000 });
