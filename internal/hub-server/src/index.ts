export { folderFiles, type HubModel } from './hubModel.js';
export { type Fault, type HubServer, type SeenRequest, startHubServer } from './hubServer.js';
