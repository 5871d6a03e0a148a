import { appendFile, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, WeightError } from '@muse/backend';
import type { RunFolder } from '../run/runFolder.js';

/**
 * A run folder on disk; made if it isn't there.
 *
 * @throws ConfigError if it can't be made or written
 */
export async function nodeRunFolder(path: string): Promise<RunFolder> {
  const root = resolve(path);
  const wrap = (file: string, cause: unknown) => {
    const { code = 'error' } = cause as NodeJS.ErrnoException;
    return new ConfigError({ package: 'trainer', in: 'nodeRunFolder' }, `can't write ${join(root, file)} (${code})`, {
      cause,
    });
  };
  await mkdir(root, { recursive: true }).catch((cause: unknown) => {
    throw wrap('', cause);
  });

  return {
    location: root,
    async read(file) {
      try {
        return new Uint8Array(await readFile(join(root, file)));
      } catch (cause) {
        throw new WeightError(
          { package: 'trainer', in: 'nodeRunFolder' },
          `expected a file ${join(root, file)}, got none`,
          {
            cause,
          },
        );
      }
    },
    async write(file, content) {
      const target = join(root, file);
      const temporary = `${target}.tmp`;
      try {
        await mkdir(dirname(target), { recursive: true });
        const handle = await open(temporary, 'w');
        try {
          await handle.writeFile(content);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(temporary, target);
      } catch (cause) {
        await rm(temporary, { force: true }).catch(() => {});
        throw wrap(file, cause);
      }
    },
    async append(file, content) {
      try {
        await mkdir(dirname(join(root, file)), { recursive: true });
        await appendFile(join(root, file), content);
      } catch (cause) {
        throw wrap(file, cause);
      }
    },
    async list(folder) {
      try {
        return (await readdir(join(root, folder))).sort();
      } catch (cause) {
        if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
        throw wrap(folder, cause);
      }
    },
    async rename(from, to) {
      await rename(join(root, from), join(root, to)).catch((cause: unknown) => {
        throw wrap(to, cause);
      });
      // Makes the new name itself survive a power failure; not every file system lets a folder be synced.
      const parent = await open(dirname(join(root, to)), 'r');
      await parent.sync().catch(() => {});
      await parent.close();
    },
    async remove(file) {
      await rm(join(root, file), { recursive: true, force: true });
    },
  };
}
