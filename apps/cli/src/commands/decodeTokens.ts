import type { StageName } from '@muse/muse';
import { UsageError } from '../errors.js';
import { readInput, resolveDestination, stemOf, writeTo } from '../output/files.js';
import { type ImageTokens, parseTokensFile, type TokensFile } from '../output/tokensFile.js';
import type { Io } from '../terminal/io.js';
import { pictureEscape, pictureProtocol } from '../terminal/picture.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { shortPath } from './deliverImage.js';
import { loadTokenizer } from './loadTokenizer.js';
import type { ModelFlags } from './modelFlags.js';

export interface DecodeTokensFlags extends ModelFlags {
  readonly output?: string;
  /** Counted from 1; the last if left out. */
  readonly window?: number;
  /** The last that the file has if left out. */
  readonly stage?: StageName;
  /** Counted from 1; the last if left out. */
  readonly step?: number;
  readonly force?: boolean;
  readonly picture: boolean;
}

/** `muse decode-tokens`: ids of tokens to a PNG file. */
export async function decodeTokens(path: string, flags: DecodeTokensFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { output: value, force, step } = flags;
  const file = parseTokensFile(await readInput('tokens', path), path);
  const image = windowOf(file, flags.window, path);
  const { stage = image.superRes ? 'super-res' : 'base' } = flags;
  const tokens = stage === 'base' ? image : image.superRes;
  if (!tokens) throw new UsageError(`--stage ${stage}: ${path} has the tokens of the base stage alone`);
  const { grid, steps } = tokens;
  const ids = steps[(step ?? steps.length) - 1];
  if (!ids) throw new UsageError(`--step ${step}: ${path} has ${steps.length} step(s)`);
  const destination = await resolveDestination({ option: '--output', value, extension: '.png', numFiles: 1, force });
  const progress = new ProgressLine(io, flags.quiet);
  const tokenizer = await loadTokenizer(stage, { ...flags, signal, progress });
  try {
    const picture = await tokenizer.decodeTokens(Int32Array.from(ids), grid);
    const { encodePng } = await import('@muse/muse');
    const png = encodePng(picture);
    const written = await writeTo(destination, `${stemOf(path)}.png`, png, force);
    progress.clear();
    io.out(`${shortPath(written.path)}  ${picture.width} × ${picture.height}\n`);
    const protocol = flags.picture ? pictureProtocol(io) : undefined;
    if (protocol) io.out(pictureEscape(png, protocol));
  } finally {
    progress.clear();
    await tokenizer.dispose();
  }
}

function windowOf(file: TokensFile, number: number | undefined, path: string): ImageTokens {
  const windows = 'windows' in file ? file.windows : [file];
  const window = windows[(number ?? windows.length) - 1];
  if (!window) throw new UsageError(`--window ${number}: ${path} has ${windows.length} window(s)`);
  return window;
}
