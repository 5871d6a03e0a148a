export { type BundledClassifier, loadBundledClassifier, loadClassifierFolder } from './loadBundledClassifier.js';
export { type SaveClassifierOptions, saveSceneClassifier } from './saveSceneClassifier.js';
