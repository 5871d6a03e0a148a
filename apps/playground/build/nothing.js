// In the place of the parts of @tensorflow/tfjs that no model here uses: see vite.config.ts.
export const [version_layers, version_converter, version_data, version_webgl] = Array(4).fill('none');
