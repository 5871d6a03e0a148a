import { readFile } from 'node:fs/promises';
import { type Atlas, type AtlasIndex, atlasFrom } from '../atlas.js';

/** The atlas that comes with the package. */
export async function loadAtlas(): Promise<Atlas> {
  const assets = new URL('../../assets/', import.meta.url);
  const index = JSON.parse(await readFile(new URL('atlas.json', assets), 'utf8')) as AtlasIndex;
  const files = await Promise.all(
    index.styles.map(async ({ file }) => [file, new Uint8Array(await readFile(new URL(file, assets)))] as const),
  );
  return atlasFrom(index, new Map(files));
}
