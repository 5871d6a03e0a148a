import type { Checkpoint, FolderSource } from '@muse/checkpoint';
import type { ConvertWeightsOptions } from '@muse/checkpoint/node';
import { UsageError } from '../errors.js';
import { byteSize } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type SourceFlags, sourceOptions } from './modelFlags.js';

export interface ConvertFlags extends SourceFlags {
  readonly dtype?: 'f32' | 'f16' | 'bf16';
  readonly maxShardSize?: number;
  readonly layout?: 'muse' | 'diffusers';
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** What goes with weights, of a component or of a whole model: copied as it is. */
const companions = [
  'config.json',
  'model_index.json',
  'scheduler_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'vocab.json',
  'merges.txt',
  'spiece.model',
  'generation_config.json',
  'LICENSE',
  'README.md',
  'ATTRIBUTION.md',
];

interface Written {
  readonly files: string[];
  sizeBytes: number;
}

/** `muse convert`: weights in another dtype, in other shards, under other names; of a file, a component or a model. */
export async function convert(
  source: string,
  output: string,
  flags: ConvertFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const progress = new ProgressLine(io, flags.quiet);
  const written: Written = { files: [], sizeBytes: 0 };
  try {
    await new Conversion(source, output, flags, progress, signal, written).run();
  } finally {
    progress.clear();
  }
  const { files, sizeBytes } = written;
  io.out(
    flags.json
      ? `${JSON.stringify({ source, output, files, sizeBytes }, null, 2)}\n`
      : `${output}  ${files.length === 1 ? 'a file' : `${files.length} files`}, ${byteSize(sizeBytes)} of weights\n`,
  );
}

class Conversion {
  constructor(
    private readonly source: string,
    private readonly output: string,
    private readonly flags: ConvertFlags,
    private readonly progress: ProgressLine,
    private readonly signal: AbortSignal,
    private readonly written: Written,
  ) {}

  async run(): Promise<void> {
    const { source, output, flags, signal, progress } = this;
    const { statSync } = await import('node:fs');
    const { openCheckpoint, openModelFolder } = await import('@muse/checkpoint');
    const { fileSource, resolveFolder } = await import('@muse/checkpoint/node');
    if (statSync(source, { throwIfNoEntry: false })?.isFile()) {
      await this.weights(await openCheckpoint(await fileSource(source)), output);
      return;
    }
    if (output.endsWith('.safetensors')) {
      throw new UsageError(`${source} is a folder: expected a folder to write to, got ${output}`);
    }
    const folder = await resolveFolder(source, {
      ...sourceOptions(flags),
      signal,
      resolveFrom: [import.meta.url],
      onProgress: (event) => showLoading(source, event, progress),
    });
    if (!(await folder.has('model_index.json'))) {
      await this.weights(await openCheckpoint(folder), output);
      await this.copy(folder, output);
      return;
    }
    const { subFolder } = await import('@muse/checkpoint');
    const { join } = await import('node:path');
    const model = await openModelFolder(folder, { variant: flags.variant });
    for (const name of Object.keys(model.index.components)) {
      if (model.weighted.includes(name)) {
        const component = await model.component(name);
        await this.weights(await component.checkpoint(), join(output, name));
      }
      await this.copy(subFolder(folder, name), join(output, name));
    }
    await this.copy(folder, output);
  }

  /** One checkpoint, to a file or into a folder. */
  private async weights(checkpoint: Checkpoint, output: string): Promise<void> {
    const { join } = await import('node:path');
    const { convertWeights } = await import('@muse/checkpoint/node');
    const { flags, signal, progress } = this;
    try {
      const isDiffusers = flags.layout
        ? flags.layout === 'diffusers'
        : /diffusion_pytorch_model[^/\\]*$/.test(checkpoint.name);
      const isText = /(^|[/\\])text_encoder[^/\\]*$/.test(output);
      const stem = isDiffusers && !isText ? 'diffusion_pytorch_model' : 'model';
      const path = output.endsWith('.safetensors') ? output : join(output, `${stem}.safetensors`);
      await this.mayWrite(path);
      const options: ConvertWeightsOptions = {
        dtype: flags.dtype && dtypes[flags.dtype],
        maxShardBytes: flags.maxShardSize,
        signal,
        onTensor: ({ index, count }) => progress.update(`Writing ${path}: tensor ${index + 1} of ${count}`),
      };
      const { files, sizeBytes } = await convertWeights(checkpoint, path, options);
      this.written.files.push(...files);
      this.written.sizeBytes += sizeBytes;
    } finally {
      await checkpoint.close();
    }
  }

  private async copy(folder: FolderSource, output: string): Promise<void> {
    const { mkdir } = await import('node:fs/promises');
    const { join } = await import('node:path');
    const { readBytes } = await import('@muse/checkpoint');
    const { writeFileAtomic } = await import('@muse/checkpoint/node');
    for (const name of companions) {
      if (!(await folder.has(name))) continue;
      await this.mayWrite(join(output, name));
      await mkdir(output, { recursive: true });
      await writeFileAtomic(join(output, name), await readBytes(folder, name));
      this.written.files.push(join(output, name));
    }
  }

  private async mayWrite(path: string): Promise<void> {
    const { existsSync } = await import('node:fs');
    if (!this.flags.force && existsSync(path)) throw new UsageError(`${path} is there already: --force overwrites it`);
  }
}

const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
