import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RemoteFile } from '../../hub/remoteFile.js';
import { nodeModelCache } from './modelCache.js';

const NUM_ROUNDS = 50;

test('readers who link a file at the same moment all find it', async () => {
  const bytes = new Uint8Array(5003);
  const hex = createHash('sha256').update(bytes).digest('hex');
  const file: RemoteFile = {
    ...{ path: 'config.json', url: 'https://hub/config.json', sizeBytes: bytes.length, chunkBytes: 1009 },
    hash: { kind: 'sha256', hex },
  };
  const commit = 'a'.repeat(40);
  for (let round = 0; round < NUM_ROUNDS; round++) {
    const cache = await mkdtemp(join(tmpdir(), 'muse-links-'));
    const model = join(cache, 'models--org--model');
    await mkdir(join(model, 'blobs'), { recursive: true });
    await writeFile(join(model, 'blobs', hex), bytes);
    const files = nodeModelCache(cache, 'org/model').files(commit);
    const sources = await Promise.all(Array.from({ length: 7 }, () => files.open(file)));
    expect(sources.map((source) => source?.sizeBytes)).toEqual(Array(7).fill(bytes.length));
    await Promise.all(sources.map((source) => source!.close()));
    expect(await readdir(join(model, 'snapshots', commit))).toEqual(['config.json']);
    await rm(cache, { recursive: true });
  }
});
