import { UsageError } from '../errors.js';
import { type Destination, readInput, resolveDestination, writeTo } from '../output/files.js';
import { slug } from '../output/slug.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { shortPath } from './deliverImage.js';
import { encodeTextWithT5 } from './encodeTextT5.js';
import { loadModel } from './loadModel.js';
import type { ModelFlags } from './modelFlags.js';
import { openPart } from './openPart.js';

export interface EncodeTextFlags extends ModelFlags {
  /** A file with a text on each line. */
  readonly batch?: string;
  readonly output?: string;
  readonly force?: boolean;
  /** Of a T5 alone: most tokens of a text. */
  readonly maxLength?: number;
  /** Of a T5 alone: how its weights are held. */
  readonly weights?: 'file' | 'int8';
  /** Of a T5 alone: false to compute what was computed before. */
  readonly cache?: boolean;
}

/** Writes the states of texts, a file each. */
export interface StatesWriter {
  write(text: string, states: TextStatesOnHost): Promise<void>;
}

export interface TextStatesOnHost {
  /** f32 [T, D]. */
  readonly embeds: Float32Array;
  /** f32 [T]. */
  readonly mask: Float32Array;
  readonly shape: readonly [T: number, D: number];
}

/**
 * `muse encode-text`: a text, or each line of a file, to a safetensors file with `embeds` f32 [T, D] and `mask` f32 [T]. The
 * model is one with a text encoder, or a T5 alone, whose weights are then read block by block.
 */
export async function encodeText(
  text: string | undefined,
  flags: EncodeTextFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const { output: value, force } = flags;
  const texts = await textsOf(text, flags.batch);
  const request = { option: '--output', value, extension: '.safetensors', numFiles: texts.length, force };
  const destination = await resolveDestination({ ...request, what: 'texts' });
  const progress = new ProgressLine(io, flags.quiet);
  try {
    const { folder, part } = await openPart({ ...flags, signal, progress });
    if (part) {
      const writer = statesWriter(destination, part.folder.location, io, progress, force);
      await encodeTextWithT5(texts, part, writer, { ...flags, signal, progress });
      return;
    }
    for (const flag of ['maxLength', 'weights'] as const) {
      if (flags[flag] === undefined) continue;
      const name = flag === 'weights' ? '--weights' : '--max-length';
      throw new UsageError(`${name}: only for a T5 alone, got a model with a text encoder of its own`);
    }
    const muse = await loadModel({ ...flags, folder, signal, progress });
    try {
      const writer = statesWriter(destination, muse.index.name, io, progress, force);
      for (const [index, entry] of texts.entries()) {
        signal.throwIfAborted();
        progress.update(`Encoding ${index + 1} of ${texts.length}`);
        await writer.write(entry, await muse.encodeText(entry));
      }
    } finally {
      await muse.dispose();
    }
  } finally {
    progress.clear();
  }
}

async function textsOf(text: string | undefined, batch: string | undefined): Promise<string[]> {
  if ((text === undefined) === (batch === undefined)) {
    throw new UsageError(`expected a text or --batch, got ${text === undefined ? 'neither' : 'both'}`);
  }
  if (text !== undefined) return [text];
  const lines = new TextDecoder().decode(await readInput('--batch', batch!)).split(/\r?\n/);
  const texts = lines.map((line) => line.trim()).filter((line) => line !== '');
  if (texts.length === 0) throw new UsageError(`--batch ${batch}: expected a text on each line, got none`);
  return texts;
}

function statesWriter(
  destination: Destination,
  model: string,
  io: Io,
  progress: ProgressLine,
  force?: boolean,
): StatesWriter {
  return {
    async write(text, { embeds, mask, shape }) {
      const { encodeSafetensors } = await import('@muse/checkpoint');
      const bytes = encodeSafetensors(
        {
          embeds: { dtype: 'F32', shape, data: embeds },
          mask: { dtype: 'F32', shape: [shape[0]], data: mask },
        },
        { text, model },
      );
      const file = await writeTo(destination, `${slug(text)}.safetensors`, bytes, force);
      progress.clear();
      io.out(`${shortPath(file.path)}  embeds [${shape.join(', ')}], mask [${shape[0]}]\n`);
    },
  };
}
