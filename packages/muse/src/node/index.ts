export * from '../index.js';
export { Muse, type NodeLoadOptions, type NodeLoadProgress } from './nodeMuse.js';
export { type ResolveModelOptions, resolveModelFolder } from './resolveModelFolder.js';
