import { createBackend } from '@muse/backend';
import { memoryShape } from '@muse/checkpoint';
import * as models from '@muse/masked-transformer';
import { create, globals } from 'webgpu';

/**
 * The webgpu device on an adapter of Dawn's: `default`, or `null`, on which nothing is computed and a buffer holds what memory
 * held.
 */
export async function startWebgpu(adapter) {
  Object.assign(globalThis, globals);
  const experiments = 'enable-dawn-features=allow_unsafe_apis'; // as the device does
  const gpu = create(adapter === 'default' ? [experiments] : [experiments, `backend=${adapter}`]);
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  return createBackend({ device: 'webgpu', autotune: false });
}

/** Tables that are gathered from stay f32. */
const EMBEDDING = /(^|[._])embeddings?\.weight$/;

/**
 * A transformer at its full size, and what goes into a pass. Weights of one shape share a buffer, which no command minds: the
 * null adapter gives no more than 256 MiB.
 *
 * @param {string} model a preset of aMUSEd's or of Muse's transformer
 * @param {{ numRows: number, numTextTokens?: number, dtype?: string }} sizes `dtype` of the linear maps' weights, as the pipelines pack
 * them
 */
export function makeForward(backend, model, { numRows: B, numTextTokens: T = 77, dtype = 'f32' }) {
  const { tf } = backend;
  const isUvit = model.startsWith('amused');
  const config = isUvit ? models.resolveUViTConfig(model) : models.resolveMaskedTransformerConfig(model);
  const specs = isUvit ? models.uvitParameters(config) : models.maskedTransformerParameters(config);
  const byShape = new Map();
  const parameters = new Map(
    specs.map((spec) => {
      const shape = memoryShape(spec);
      const isPacked = dtype !== 'f32' && shape.length === 2 && shape[1] % 4 === 0 && !EMBEDDING.test(spec.name);
      const key = `${shape.join()} ${isPacked}`;
      if (!byShape.has(key)) {
        const weight = tf.fill(shape, 0.01);
        byShape.set(key, isPacked ? backend.packWeight(weight, dtype) : weight);
      }
      return [spec.name, byShape.get(key)];
    }),
  );
  const textEmbeds = tf.fill([B, T, config.textDim], 0.01);
  const given = isUvit
    ? {
        textEmbeds,
        pooledEmbeds: tf.fill([B, config.pooledTextDim], 0.01),
        microConditioning: Array.from({ length: B }, () => [512, 512, 0, 0, 6]),
      }
    : { textEmbeds, textMask: tf.ones([B, T]) };
  return {
    config,
    numParameters: specs.reduce((sum, { shape }) => sum + shape.reduce((product, side) => product * side, 1), 0),
    given,
    ids: tf.fill([B, config.latentSize ** 2], 1, 'int32'),
    /** The model with these ops in the place of the device's. */
    transformerOf: (ops) =>
      new (isUvit ? models.UViT : models.MaskedTransformer)({ ...backend, ops }, config, parameters),
  };
}
