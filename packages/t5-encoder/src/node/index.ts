export { type DiskPromptCacheOptions, defaultPromptCacheFolder, diskPromptCache } from './diskPromptCache.js';
