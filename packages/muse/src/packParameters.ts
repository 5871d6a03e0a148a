import { type Backend, ConfigError, type PackedDtype, UnsupportedBackendError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';

/** Tables of embeddings are gathered from, which packed weights can't be. */
const EMBEDDING = /(^|[._])embeddings?\.weight$/;

const place = { package: 'muse', in: 'fromPretrained' } as const;

/** @throws ConfigError, UnsupportedBackendError before anything is loaded */
export function checkPacking(backend: Backend, dtype: PackedDtype): void {
  if (dtype !== 'f16' && dtype !== 'q8') {
    throw new ConfigError(place, `expected dtype f32, f16 or q8, got ${String(dtype)}`);
  }
  if (backend.name !== 'webgpu') {
    throw new UnsupportedBackendError(place, `expected the device webgpu for dtype ${dtype}, got ${backend.name}`);
  }
}

/**
 * Puts the weights of a transformer's linear maps into fewer bits, one at a time; each takes the place of its original,
 * which is freed. Embeddings, norms, convolutions and widths that do not fit stay f32.
 *
 * @throws UnsupportedBackendError on devices without packed weights
 */
export function packParameters(backend: Backend, parameters: Parameters, dtype: PackedDtype): void {
  for (const [name, weight] of parameters) {
    if (weight.rank !== 2 || EMBEDDING.test(name) || weight.shape[1]! % 4 !== 0) continue;
    parameters.set(name, backend.packWeight(weight, dtype));
    weight.dispose();
  }
}
