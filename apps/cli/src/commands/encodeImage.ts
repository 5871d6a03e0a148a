import { readImage } from '../input/readImage.js';
import { resolveDestination, stemOf, writeTo } from '../output/files.js';
import { encodeTokensFile } from '../output/tokensFile.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { shortPath } from './deliverImage.js';
import { loadTokenizer } from './loadTokenizer.js';
import type { ModelFlags } from './modelFlags.js';

export interface EncodeImageFlags extends ModelFlags {
  readonly output?: string;
  readonly force?: boolean;
}

/** `muse encode-image`: an image to the ids of its tokens, as JSON on stdout or in a file. */
export async function encodeImage(path: string, flags: EncodeImageFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { output: value, force } = flags;
  const image = await readImage('image', path);
  const request = { option: '--output', value, extension: '.json', numFiles: 1, force };
  const destination = value === undefined ? undefined : await resolveDestination(request);
  const progress = new ProgressLine(io, flags.quiet);
  const tokenizer = await loadTokenizer('base', { ...flags, signal, progress });
  try {
    const { tokenIds, grid } = await tokenizer.encodeImage(image);
    const json = encodeTokensFile({ grid, steps: [[...tokenIds]] });
    progress.clear();
    if (!destination) {
      io.out(new TextDecoder().decode(json));
      return;
    }
    const file = await writeTo(destination, `${stemOf(path)}.json`, json, force);
    io.out(`${shortPath(file.path)}  ${grid[0]} × ${grid[1]} tokens\n`);
  } finally {
    progress.clear();
    await tokenizer.dispose();
  }
}
