import { ConfigError, ImageError, MuseError, ShapeError, UnsupportedBackendError, WeightError } from '@muse/backend';
import type { PackedError } from './protocol.js';

const classes = { MuseError, ShapeError, ConfigError, WeightError, ImageError, UnsupportedBackendError };

/** An error for the other side: its name and what it says. */
export function packError(error: unknown): PackedError {
  return error instanceof Error
    ? { name: error.name, message: error.message }
    : { name: 'Error', message: String(error) };
}

/** The error on this side, of the same class: `instanceof ConfigError` holds in the page too. */
export function unpackError({ name, message }: PackedError): Error {
  const parts = /^\[([^\]]+)\] ([^:]+): ([\s\S]*)$/.exec(message);
  if (Object.hasOwn(classes, name) && parts) {
    const Class = classes[name as keyof typeof classes];
    return new Class({ package: parts[1]!, in: parts[2]! }, parts[3]!);
  }
  if (name === 'AbortError') return new DOMException(message, name);
  const error = new Error(message);
  error.name = name;
  return error;
}
