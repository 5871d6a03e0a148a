export * from '../index.js';
export { Muse, type NodeLoadOptions } from './nodeMuse.js';
export { resolveModelFolder } from './resolveModelFolder.js';
