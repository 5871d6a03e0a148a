export type { Page } from 'playwright-core';
export { type BuildPageOptions, buildPage } from './buildPage.js';
export { describeInBrowser, softwareGpu } from './describeInBrowser.js';
export { type StaticServer, serve } from './serve.js';
