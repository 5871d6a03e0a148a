export { type BackendSuite, type DescribeBackendsOptions, describeBackends } from './describeBackends.js';
export { expectClose, expectTensorClose } from './expectClose.js';
export { expectNoLeaks } from './expectNoLeaks.js';
export { type Golden, goldenTensor, loadGolden } from './golden.js';
export { type Tolerance, tolerances } from './tolerances.js';
