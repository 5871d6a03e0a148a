export { type InstallProgress, type InstallTensorflowOptions, installTensorflow } from './installTensorflow.js';
