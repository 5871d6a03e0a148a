/** Where an error was found: `[package] function`. */
export interface ErrorPlace {
  /** Package without its scope, e.g. `vqgan`. */
  readonly package: string;
  /** Function or command. */
  readonly in: string;
}

/**
 * Base of every error that this project raises on bad input.
 * The message names package, function, what was expected and what came.
 */
export class MuseError extends Error {
  override readonly name: string = 'MuseError';

  constructor(place: ErrorPlace, message: string, options?: ErrorOptions) {
    super(`[${place.package}] ${place.in}: ${message}`, options);
  }
}

/** A tensor of the wrong shape or dtype. */
export class ShapeError extends MuseError {
  override readonly name = 'ShapeError';
}

/** A configuration or option out of its range. */
export class ConfigError extends MuseError {
  override readonly name = 'ConfigError';
}

/** A weight file or model folder that can't be used. */
export class WeightError extends MuseError {
  override readonly name = 'WeightError';
}

/** An image that can't be read or has the wrong form. */
export class ImageError extends MuseError {
  override readonly name = 'ImageError';
}

/** A device that can't be had; the message says what is missing and how to get it. */
export class UnsupportedBackendError extends MuseError {
  override readonly name = 'UnsupportedBackendError';
}
