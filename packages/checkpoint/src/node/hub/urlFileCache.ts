import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { FileCache, RemoteFile } from '../../hub/remoteFile.js';
import { beginFile, openIfWhole } from './modelCache.js';

/**
 * Files of a web server's folder on disk: `<folder's URL>/<file>-<hash of size and ETag>`, names percent-encoded. Another
 * version of a file has another name.
 */
export function urlFileCache(cacheDir: string, url: string, signal?: AbortSignal): FileCache {
  const folder = join(cacheDir, fileName(url.replace(/\/+$/, '')));
  const pathOf = ({ path, sizeBytes, etag = '' }: RemoteFile) =>
    join(folder, `${fileName(path)}-${shortHash(`${sizeBytes} ${etag}`)}`);
  const open = (file: RemoteFile) => openIfWhole(pathOf(file), file);
  return {
    open,
    begin: (file) => beginFile(pathOf(file), `${pathOf(file)}.lock`, file, open, signal),
  };
}

const MAX_NAME_LENGTH = 180;

function fileName(text: string): string {
  const name = encodeURIComponent(text);
  return name.length <= MAX_NAME_LENGTH ? name : `${name.slice(0, MAX_NAME_LENGTH)}-${shortHash(text)}`;
}

function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}
