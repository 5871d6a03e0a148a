import { UsageError } from '../errors.js';
import { readInput, resolveDestination, writeTo } from '../output/files.js';
import { parseTokensFile } from '../output/tokensFile.js';
import type { Io } from '../terminal/io.js';
import { pictureEscape, pictureProtocol } from '../terminal/picture.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { shortPath } from './deliverImage.js';
import { loadModel } from './loadModel.js';
import type { ModelFlags } from './modelFlags.js';

export interface DecodeTokensFlags extends ModelFlags {
  readonly output?: string;
  /** Counted from 1; the last if left out. */
  readonly step?: number;
  readonly force?: boolean;
  readonly picture: boolean;
}

/** `muse decode-tokens`: ids of tokens to a PNG file. */
export async function decodeTokens(path: string, flags: DecodeTokensFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { output: value, force, step } = flags;
  const { grid, steps } = parseTokensFile(await readInput('tokens', path), path);
  const ids = steps[(step ?? steps.length) - 1];
  if (!ids) throw new UsageError(`--step ${step}: ${path} has ${steps.length} step(s)`);
  const destination = await resolveDestination({ option: '--output', value, extension: '.png', numFiles: 1, force });
  const progress = new ProgressLine(io, flags.quiet);
  const muse = await loadModel({ ...flags, signal, progress });
  try {
    const image = await muse.decodeTokens(Int32Array.from(ids), grid);
    const { encodePng } = await import('@muse/muse');
    const png = encodePng(image);
    const name = `${path.replace(/^.*[\\/]/, '').replace(/\.[^.]*$/, '')}.png`;
    const file = await writeTo(destination, name, png, force);
    progress.clear();
    io.out(`${shortPath(file.path)}  ${image.width} × ${image.height}\n`);
    const protocol = flags.picture ? pictureProtocol(io) : undefined;
    if (protocol) io.out(pictureEscape(png, protocol));
  } finally {
    progress.clear();
    await muse.dispose();
  }
}
