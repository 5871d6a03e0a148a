// What a test checks with, in Node and in a page: nothing here knows a test runner or files.
export { expectClose, expectTensorClose } from './expectClose.js';
export { expectNoLeaks } from './expectNoLeaks.js';
export { type Golden, goldenTensor, parseGolden } from './golden.js';
export { type Tolerance, tolerances } from './tolerances.js';
