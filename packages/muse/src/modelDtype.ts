import { type Backend, ConfigError, type ModelDtype, modelDtypes, UnsupportedBackendError } from '@muse/backend';

const place = { package: 'muse', in: 'fromPretrained' } as const;

/** @throws ConfigError for what is no dtype, before a device is started */
export function checkDtype(dtype: 'auto' | ModelDtype): void {
  if (dtype === 'auto' || modelDtypes.includes(dtype)) return;
  throw new ConfigError(place, `expected dtype auto, ${modelDtypes.join(', ')}, got ${String(dtype)}`);
}

/**
 * What a model is loaded in on a backend that is there already. What it computes in was settled when it was made.
 *
 * @throws UnsupportedBackendError for a dtype that it lacks
 */
export function dtypeOn(backend: Backend, dtype: 'auto' | ModelDtype = backend.dtype): ModelDtype {
  if (dtype === 'auto' || dtype === backend.dtype) return backend.dtype;
  const others: readonly ModelDtype[] = backend.dtype === 'bf16' ? [] : backend.dtypes.filter((one) => one !== 'bf16');
  if (others.includes(dtype)) return dtype;
  const expected = [...new Set(['auto', backend.dtype, ...others])].join(', ');
  throw new UnsupportedBackendError(
    place,
    `expected a dtype of this backend, ${backend.name} (${expected}), got ${dtype}`,
  );
}
