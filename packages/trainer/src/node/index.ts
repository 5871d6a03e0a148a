export { nodeRunFolder } from './nodeRunFolder.js';
