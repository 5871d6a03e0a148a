export { fileSource, nodeFolder } from './fileSource.js';
export { type SaveParametersOptions, saveParameters } from './saveParameters.js';
export { writeFileAtomic } from './writeFileAtomic.js';
export { type WriteSafetensorsOptions, writeSafetensors } from './writeSafetensors.js';
