import { resolveDestination, writeTo } from '../output/files.js';
import { slug } from '../output/slug.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { shortPath } from './deliverImage.js';
import { loadModel } from './loadModel.js';
import type { ModelFlags } from './modelFlags.js';

export interface EncodeTextFlags extends ModelFlags {
  readonly output?: string;
  readonly force?: boolean;
}

/** `muse encode-text`: a text to a safetensors file with `embeds` f32 [T, Dt] and `mask` f32 [T]. */
export async function encodeText(text: string, flags: EncodeTextFlags, io: Io, signal: AbortSignal): Promise<void> {
  const { output: value, force } = flags;
  const request = { option: '--output', value, extension: '.safetensors', numFiles: 1, force };
  const destination = await resolveDestination(request);
  const progress = new ProgressLine(io, flags.quiet);
  const muse = await loadModel({ ...flags, signal, progress });
  try {
    const { embeds, mask, shape } = await muse.encodeText(text);
    const { encodeSafetensors } = await import('@muse/checkpoint');
    const bytes = encodeSafetensors(
      {
        embeds: { dtype: 'F32', shape, data: embeds },
        mask: { dtype: 'F32', shape: [shape[0]], data: mask },
      },
      { text, model: muse.index.name },
    );
    const file = await writeTo(destination, `${slug(text)}.safetensors`, bytes, force);
    progress.clear();
    io.out(`${shortPath(file.path)}  embeds [${shape.join(', ')}], mask [${shape[0]}]\n`);
  } finally {
    progress.clear();
    await muse.dispose();
  }
}
