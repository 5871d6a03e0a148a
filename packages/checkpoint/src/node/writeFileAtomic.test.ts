import { spawnSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigError, WeightError } from '@muse/backend';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { writeChunksAtomic, writeFileAtomic } from './writeFileAtomic.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-write-'));
});
afterEach(() => rm(folder, { recursive: true }));

test('writes bytes and text, over an old file too, and leaves nothing else', async () => {
  const path = join(folder, 'file');
  await writeFileAtomic(path, Uint8Array.of(2, 3, 5));
  expect([...(await readFile(path))]).toEqual([2, 3, 5]);
  await writeFileAtomic(path, 'né');
  expect(await readFile(path, 'utf8')).toBe('né');
  expect(await readdir(folder)).toEqual(['file']);
});

test('writers at once leave one of their files whole', async () => {
  const path = join(folder, 'file');
  const contents = Array.from({ length: 8 }, (_, i) => String(i).repeat(100_000));
  await Promise.all(contents.map((content) => writeFileAtomic(path, content)));
  expect(contents).toContain(await readFile(path, 'utf8'));
  expect(await readdir(folder)).toEqual(['file']);
});

describe('an error leaves the old file as it was, and nothing beside it, when', () => {
  const old = 'the old file';
  const expectUntouched = async () => {
    expect(await readdir(folder)).toEqual(['file']);
    expect(await readFile(join(folder, 'file'), 'utf8')).toBe(old);
  };
  beforeEach(() => writeFile(join(folder, 'file'), old));

  test('the folder does not exist', async () => {
    const path = join(folder, 'absent/file');
    const written = writeFileAtomic(path, 'new');
    await expect(written).rejects.toThrow(ConfigError);
    await expect(written).rejects.toThrow(
      `[checkpoint] writeFileAtomic: expected a path that can be written, got ${path}: no such file or folder (ENOENT)`,
    );
    await expectUntouched();
  });

  test('the path leads through a file', async () => {
    await expect(writeFileAtomic(join(folder, 'file/inner'), 'new')).rejects.toThrow('(ENOTDIR)');
    await expectUntouched();
  });

  test('the path is a folder', async () => {
    await mkdir(join(folder, 'file2'));
    await expect(writeFileAtomic(join(folder, 'file2'), 'new')).rejects.toThrow(ConfigError);
    expect(await readdir(folder)).toEqual(['file', 'file2']);
  });

  test.skipIf(process.getuid?.() === 0)(
    'the folder is read-only (root may write everywhere: skipped for it)',
    async () => {
      await chmod(folder, 0o500);
      await expect(writeFileAtomic(join(folder, 'file'), 'new')).rejects.toThrow('no permission (EACCES)');
      await chmod(folder, 0o700);
      await expectUntouched();
    },
  );

  test('the maker of the pieces fails after some', async () => {
    const failure = new WeightError({ package: 'checkpoint', in: 'test' }, 'NaN');
    const pieces = (async function* () {
      yield new Uint8Array(1000);
      throw failure;
    })();
    await expect(writeChunksAtomic(join(folder, 'file'), pieces)).rejects.toBe(failure);
    await expectUntouched();
  });

  // A limit on file sizes makes write(2) fail in the middle, as a full disk does.
  const limit = (bytes: string) => spawnSync('prlimit', [`--pid=${process.pid}`, `--fsize=${bytes}:`]).status === 0;
  const canLimit = limit('unlimited');
  test.skipIf(!canLimit)('the disk takes no more (needs prlimit of util-linux: skipped without)', async () => {
    limit('65536');
    try {
      const written = writeFileAtomic(join(folder, 'file'), new Uint8Array(200_000));
      await expect(written).rejects.toThrow(ConfigError);
      await expect(written).rejects.toThrow('a file larger than allowed (EFBIG)');
    } finally {
      limit('unlimited');
    }
    await expectUntouched();
  });
});
