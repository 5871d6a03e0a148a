import type { HubProgress } from '@muse/checkpoint';
import { UsageError } from '../errors.js';
import { byteSize } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type SourceFlags, sourceOptions } from './modelFlags.js';

export interface DownloadFlags extends SourceFlags {
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `muse download`: a model of the hub into the cache, to be used without a network. */
export async function download(model: string, flags: DownloadFlags, io: Io, signal: AbortSignal): Promise<void> {
  if (flags.offline) throw new UsageError('--offline: a download needs the network');
  const { downloadModel } = await import('@muse/checkpoint/node');
  const progress = new ProgressLine(io, flags.quiet);
  try {
    const onProgress = (event: HubProgress) => showLoading(model, event, progress);
    const found = await downloadModel(model, { ...sourceOptions(flags), signal, onProgress });
    progress.clear();
    const { id, commit, path, files, sizeBytes } = found;
    io.out(
      flags.json
        ? `${JSON.stringify(found, null, 2)}\n`
        : `${id}  ${commit.slice(0, 8)}  ${files.length} files, ${byteSize(sizeBytes)}  ${path}\n`,
    );
  } finally {
    progress.clear();
  }
}
