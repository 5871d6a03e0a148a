import { museVitest } from '../../vitest.shared.ts';

export default museVitest();
