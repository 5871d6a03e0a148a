import { memoryShape } from '@muse/checkpoint';
import { resolveVQGANConfig, VQGAN, vqganParameters } from '@muse/vqgan';

/** That of the bundled model's second stage. */
const emoji = {
  imageSize: 128,
  blockOutChannels: [16, 32, 64, 128],
  layersPerBlock: 1,
  decoderBlockOutChannels: [16, 32, 64, 192],
  decoderLayersPerBlock: 2,
  normNumGroups: 8,
  codebookSize: 1024,
  codebookDim: 16,
};

/** That of aMUSEd, of both sizes. */
const amused = {
  imageSize: 256,
  blockOutChannels: [128, 256, 256, 512, 768],
  layersPerBlock: 2,
  normNumGroups: 32,
  codebookSize: 8192,
  codebookDim: 64,
};

/** Whole VQGAN decoders, from codes to pixels not clipped, of one image: with stock ops, as people write them in plain tfjs. */
export function decoderCases(backend) {
  return [
    decoderCase(backend, 'VQGAN decoder 128², bundled', emoji, 16),
    decoderCase(backend, 'VQGAN decoder 64², aMUSEd', amused, 4),
  ];
}

/** Weights of one shape are one tensor; a gradient is the training step's to measure. */
function decoderCase(backend, name, options, latentSize) {
  const { tf } = backend;
  const config = resolveVQGANConfig(options);
  const byShape = new Map();
  const decoder = vqganParameters(config).filter((spec) => /^(post_quant_conv|decoder)\./.test(spec.name));
  const parameters = new Map(
    decoder.map((spec) => {
      const shape = memoryShape(spec);
      const key = shape.join();
      // Of the size that keeps activations near 1.
      const std = shape.length === 1 ? 1 : 1 / Math.sqrt(shape.slice(0, -1).reduce((product, side) => product * side));
      if (!byShape.has(key)) byShape.set(key, tf.randomNormal(shape, 0, std, 'float32', 1));
      return [spec.name, byShape.get(key)];
    }),
  );
  const vqgan = new VQGAN(backend, config, parameters);
  const codes = tf.randomNormal([1, latentSize, latentSize, config.codebookDim], 0, 1, 'float32', 1);
  return { name, inputs: [codes], run: (quantized) => vqgan.decodeLatents(quantized), isForwardOnly: true };
}
