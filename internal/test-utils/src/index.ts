export * from './checks.js';
export { type BackendSuite, type DescribeBackendsOptions, describeBackends } from './describeBackends.js';
export { loadGolden } from './loadGolden.js';
