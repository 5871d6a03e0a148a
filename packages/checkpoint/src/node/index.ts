export { fileSource, nodeFolder } from './fileSource.js';
export { type HubEnvironment, hubEnvironment } from './hub/environment.js';
export { type ResolveFolderOptions, resolveFolder } from './hub/resolveFolder.js';
export { type SaveParametersOptions, saveParameters } from './saveParameters.js';
export { writeFileAtomic } from './writeFileAtomic.js';
export { type WriteSafetensorsOptions, writeSafetensors } from './writeSafetensors.js';
