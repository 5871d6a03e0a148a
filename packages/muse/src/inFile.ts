import { ConfigError } from '@muse/backend';

const place = { package: 'muse', in: 'fromPretrained' } as const;

/** An error of a configuration says where that is. */
export function inFile<T>(path: string, action: () => T): T {
  const named = (cause: unknown) => {
    if (!(cause instanceof ConfigError)) return cause;
    return new ConfigError(place, `${path}: ${cause.message}`, { cause });
  };
  try {
    const result = action();
    if (!(result instanceof Promise)) return result;
    return result.catch((cause: unknown) => {
      throw named(cause);
    }) as T;
  } catch (cause) {
    throw named(cause);
  }
}
