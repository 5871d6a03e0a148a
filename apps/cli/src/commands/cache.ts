import type { CachedModel, CachedRevision } from '@muse/checkpoint/node';
import { UsageError } from '../errors.js';
import { byteSize } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { table } from '../terminal/table.js';

export interface CacheFlags {
  readonly cacheDir?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `muse cache list`: the models in the cache, whoever downloaded them. */
export async function cacheList(flags: CacheFlags, io: Io): Promise<void> {
  const { listCache } = await import('@muse/checkpoint/node');
  const cacheDir = await cacheFolder(flags);
  const models = await listCache(cacheDir);
  if (flags.json) {
    io.out(`${JSON.stringify({ cacheDir, models }, null, 2)}\n`);
    return;
  }
  if (models.length === 0) {
    io.out(`no models in ${cacheDir}\n`);
    return;
  }
  const total = models.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const rows = [['model', 'revision', 'files', 'size', 'last change'], ...models.flatMap(describe)];
  io.out(`${cacheDir}\n\n${table([...rows, ['total', '', '', byteSize(total), '']])}\n`);
}

function describe({ id, revisions, sizeBytes, unfinishedBytes, lastModified }: CachedModel): string[][] {
  const unfinished = unfinishedBytes > 0 ? `, ${byteSize(unfinishedBytes)} of it unfinished` : '';
  const day = sizeBytes === 0 ? '' : lastModified.toISOString().slice(0, 10);
  const [first, ...others] = revisions;
  return [
    [id, revisionName(first), String(first?.files.length ?? 0), `${byteSize(sizeBytes)}${unfinished}`, day],
    ...others.map((revision) => ['', revisionName(revision), String(revision.files.length), '', '']),
  ];
}

function revisionName(revision: CachedRevision | undefined): string {
  return revision ? [revision.commit.slice(0, 8), ...revision.refs].join(' ') : '';
}

/** `muse cache remove`: models, or a revision of one. */
export async function cacheRemove(
  ids: readonly string[],
  flags: CacheFlags & { readonly revision?: string },
  io: Io,
): Promise<void> {
  const { revision, json } = flags;
  if (revision !== undefined && ids.length > 1) throw new UsageError('--revision is of one model: give one');
  const { removeCached } = await import('@muse/checkpoint/node');
  const cacheDir = await cacheFolder(flags);
  const removed: { id: string; sizeBytes: number }[] = [];
  for (const id of ids) {
    const sizeBytes = await removeCached(cacheDir, id, revision);
    removed.push({ id, sizeBytes });
    if (!json) io.out(`removed ${id}${revision ? ` ${revision}` : ''}, ${byteSize(sizeBytes)}\n`);
  }
  if (json) io.out(`${JSON.stringify({ cacheDir, removed }, null, 2)}\n`);
}

/**
 * `muse cache verify`: every file against its hash.
 *
 * @throws UsageError when one is broken, after all have been told
 */
export async function cacheVerify(
  id: string | undefined,
  flags: CacheFlags & { readonly removeBroken?: boolean },
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const { verifyCache } = await import('@muse/checkpoint/node');
  const cacheDir = await cacheFolder(flags);
  const progress = new ProgressLine(io, flags.quiet);
  try {
    const report = await verifyCache(cacheDir, {
      id,
      remove: flags.removeBroken,
      signal,
      onFile: (file) => progress.update(`Reading ${file.id}: ${file.path}, ${byteSize(file.sizeBytes)}`),
    });
    progress.clear();
    const { numFiles, sizeBytes, broken } = report;
    if (flags.json) io.out(`${JSON.stringify({ cacheDir, ...report }, null, 2)}\n`);
    else {
      for (const { id: model, path, problem } of broken) io.out(`broken  ${model}  ${path}  ${problem}\n`);
      io.out(
        `${numFiles} files, ${byteSize(sizeBytes)}: ${broken.length === 0 ? 'all right' : `${broken.length} broken`}\n`,
      );
    }
    if (broken.length === 0) return;
    const next = flags.removeBroken
      ? 'removed, to be fetched again when it is needed'
      : 'muse cache verify --remove-broken removes it, to be fetched again';
    throw new UsageError(`${broken.length === 1 ? 'a broken file' : `${broken.length} broken files`}: ${next}`);
  } finally {
    progress.clear();
  }
}

async function cacheFolder({ cacheDir }: CacheFlags): Promise<string> {
  const { hubEnvironment } = await import('@muse/checkpoint/node');
  return cacheDir ?? hubEnvironment().cacheDir;
}
