export type { GeneratedImage, RgbaImage } from '../image.js';
export type { ModelFile } from './filesFolder.js';
export type { ComponentReport, ModelReport } from './inspectModel.js';
export type { HubSource, ModelSource, WorkerLoadOptions } from './modelSource.js';
export type { AttentionOptions } from './museHost.js';
export type { DeviceMemory, RemoteFacts, WorkerLike, WorkerScope } from './protocol.js';
export { connectMuse, inspectModel, type RemoteMuse } from './remoteMuse.js';
export { serveMuse } from './serveMuse.js';
export type { TextAttention } from './textAttention.js';
