import { ConfigError } from '@muse/backend';
import type { FolderSource } from '../byteSource.js';

const index = '.safetensors.index.json';
const weights = '.safetensors';

/**
 * A folder whose weights are those of a variant, by the names that diffusers and transformers write: for
 * `model.safetensors` the file `model.fp16.safetensors`, for `model.safetensors.index.json` the index
 * `model.safetensors.index.fp16.json`. Weights that have no such variant are not there. Twice is as once.
 *
 * @throws ConfigError for what can be no part of a file's name
 */
export function variantFolder(folder: FolderSource, variant: string | undefined): FolderSource {
  if (variant === undefined) return folder;
  if (!/^[A-Za-z0-9_-]+$/.test(variant)) {
    throw new ConfigError(
      { package: 'checkpoint', in: 'variantFolder' },
      `expected a variant of letters, digits, _ and -, such as fp16, got ${JSON.stringify(variant)}`,
    );
  }
  const rename = (path: string) => {
    const isVariant = path
      .split('/')
      .at(-1)!
      .split('.')
      .some((part) => part === variant || part.startsWith(`${variant}-`));
    if (isVariant) return path;
    if (path.endsWith(index)) return `${path.slice(0, -'.json'.length)}.${variant}.json`;
    // Shards are named by their index, which is of the variant already.
    if (/-\d{5}-of-\d{5}\.safetensors$/.test(path) || !path.endsWith(weights)) return path;
    return `${path.slice(0, -weights.length)}.${variant}${weights}`;
  };
  const { location, headers } = folder;
  return {
    location,
    variant,
    ...(headers && { headers: variantFolder(headers, variant) }),
    has: (path) => folder.has(rename(path)),
    open: (path) => folder.open(rename(path)),
  };
}
