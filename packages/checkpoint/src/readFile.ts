import { WeightError } from '@muse/backend';
import type { FolderSource } from './byteSource.js';
import { duplicateKey } from './duplicateKey.js';
import { MAX_HEADER_BYTES, readExactly } from './safetensorsHeader.js';

/**
 * A whole file of a folder.
 *
 * @throws WeightError when it is not there
 */
export async function readBytes(folder: FolderSource, path: string): Promise<Uint8Array> {
  const source = await folder.open(path);
  try {
    return await readExactly(source, 0, source.sizeBytes);
  } finally {
    await source.close();
  }
}

/**
 * A JSON file of a folder: config.json, tokenizer.json.
 *
 * @throws WeightError when it is not there, is no JSON, is larger than 100 MB, or has a key twice
 */
export async function readJson(folder: FolderSource, path: string): Promise<unknown> {
  const source = await folder.open(path);
  const problem = (message: string, options?: ErrorOptions) =>
    new WeightError({ package: 'checkpoint', in: 'readJson' }, `${source.name}: ${message}`, options);
  try {
    if (source.sizeBytes > MAX_HEADER_BYTES) {
      throw problem(`expected at most ${MAX_HEADER_BYTES} bytes of JSON, got ${source.sizeBytes}`);
    }
    const bytes = await readExactly(source, 0, source.sizeBytes);
    let text: string;
    let json: unknown;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      json = JSON.parse(text);
    } catch (cause) {
      throw problem(`expected UTF-8 JSON, got ${cause instanceof Error ? cause.message : cause}`, { cause });
    }
    const twice = duplicateKey(text);
    if (twice !== undefined) throw problem(`expected each key once, got ${JSON.stringify(twice)} twice`);
    return json;
  } finally {
    await source.close();
  }
}
