import { mkdir, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const BEAT_MS = 5_000;
/** A lock that nobody has touched for this long is of a process that is gone. */
const STALE_MS = 30_000;
const POLL_MS = 200;

/**
 * Waits for a file to be ours alone among Muse's processes. (Python locks with flock(2), which Node has not; its
 * downloads and ours write to temporary files of different names, so both may run.)
 *
 * @returns gives the lock back
 */
export async function lockFile(path: string, signal?: AbortSignal): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  while (true) {
    signal?.throwIfAborted();
    try {
      const file = await open(path, 'wx');
      await file.writeFile(`${process.pid} ${hostname()}\n`);
      await file.close();
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (await isStale(path)) await rm(path, { force: true });
      else await sleep(POLL_MS, undefined, { signal }).catch(() => {});
    }
  }
  const beat = setInterval(() => {
    const now = new Date();
    // A lock that can't be touched is given up, as one of a process that is gone.
    utimes(path, now, now).catch(() => {});
  }, BEAT_MS);
  beat.unref();
  return async () => {
    clearInterval(beat);
    await rm(path, { force: true });
  };
}

async function isStale(path: string): Promise<boolean> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(path, 'utf8'), stat(path)]);
    if (Date.now() - mtimeMs > STALE_MS) return true;
    const [, pid, host] = /^(\d+) (.*)\n$/.exec(text) ?? [];
    return pid !== undefined && host === hostname() && !isAlive(Number(pid));
  } catch {
    // Given back meanwhile.
    return false;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
