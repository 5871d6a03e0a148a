import type { Checkpoint, FolderSource, ModelComponent, ModelIndex } from '@muse/checkpoint';
import type { ConvertWeightsOptions } from '@muse/checkpoint/node';
import type { VQGANLayout } from '@muse/vqgan';
import { UsageError } from '../errors.js';
import { byteSize } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { showLoading } from './loadModel.js';
import { type SourceFlags, sourceOptions } from './modelFlags.js';

export interface ConvertFlags extends SourceFlags {
  readonly dtype?: 'f32' | 'f16' | 'bf16';
  readonly maxShardSize?: number;
  readonly layout?: VQGANLayout;
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

/** `muse convert`: weights in another dtype, in other shards, in another layout; of a file, a component or a model. */
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
    const { layout } = flags;
    if (statSync(source, { throwIfNoEntry: false })?.isFile()) {
      if (layout)
        throw new UsageError(`--layout: expected a folder, as a layout has a config.json, got the file ${source}`);
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
      if (layout && (await this.layOut(folder, layout))) return;
      await this.weights(await openCheckpoint(folder), output);
      await this.copy(folder, output);
      return;
    }
    const { subFolder } = await import('@muse/checkpoint');
    const { join } = await import('node:path');
    const model = await openModelFolder(folder, { variant: flags.variant });
    if (layout) checkPipelineLayout(layout, model.index);
    for (const name of Object.keys(model.index.components)) {
      if (model.weighted.includes(name)) {
        const component = await model.component(name);
        await this.weights(await component.checkpoint(), join(output, name));
      }
      await this.copy(subFolder(folder, name), join(output, name));
    }
    await this.copy(folder, output);
  }

  /**
   * A component that is a VQGAN, in another layout.
   *
   * @returns false for a component of another kind, which has one layout, that which was asked for
   */
  private async layOut(folder: FolderSource, layout: VQGANLayout): Promise<boolean> {
    const { source, output } = this;
    const [{ openCheckpoint, readJson }, { writeFileAtomic }, { isVQGAN, layOutVQGAN, openVQGAN }, { join }] =
      await Promise.all([
        import('@muse/checkpoint'),
        import('@muse/checkpoint/node'),
        import('@muse/vqgan'),
        import('node:path'),
      ]);
    // Some VQGANs come as weights alone.
    const config = (await folder.has('config.json')) ? await readJson(folder, 'config.json') : undefined;
    const part: ModelComponent = { name: source, config, folder, checkpoint: () => openCheckpoint(folder) };
    const weights = await part.checkpoint();
    await weights.close();
    if (!isVQGAN(weights)) {
      checkOnlyLayout(layout, config, source);
      return false;
    }
    const opened = await openVQGAN(part);
    try {
      const laidOut = layOutVQGAN(opened, layout);
      const configPath = join(output, 'config.json');
      await this.mayWrite(configPath);
      await this.weights(laidOut.checkpoint, join(output, laidOut.file), { format: 'pt' });
      await writeFileAtomic(configPath, `${JSON.stringify(laidOut.config, null, 2)}\n`);
      this.written.files.push(configPath);
    } finally {
      await opened.checkpoint.close();
    }
    await this.copy(folder, output, ['config.json']);
    return true;
  }

  /** One checkpoint, to a file or into a folder. */
  private async weights(
    checkpoint: Checkpoint,
    output: string,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const { join } = await import('node:path');
    const { convertWeights } = await import('@muse/checkpoint/node');
    const { flags, signal, progress } = this;
    try {
      const isDiffusers = /diffusion_pytorch_model[^/\\]*$/.test(checkpoint.name);
      const stem = isDiffusers ? 'diffusion_pytorch_model' : 'model';
      const path = output.endsWith('.safetensors') ? output : join(output, `${stem}.safetensors`);
      await this.mayWrite(path);
      const options: ConvertWeightsOptions = {
        dtype: flags.dtype && dtypes[flags.dtype],
        maxShardBytes: flags.maxShardSize,
        metadata: { ...checkpoint.metadata, ...metadata },
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

  private async copy(folder: FolderSource, output: string, without: readonly string[] = []): Promise<void> {
    const { mkdir } = await import('node:fs/promises');
    const { join } = await import('node:path');
    const { readBytes } = await import('@muse/checkpoint');
    const { writeFileAtomic } = await import('@muse/checkpoint/node');
    for (const name of companions) {
      if (without.includes(name) || !(await folder.has(name))) continue;
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

/** A pipeline's parts are read together, by the classes of one library. */
function checkPipelineLayout(layout: VQGANLayout, { format }: ModelIndex): void {
  if (layout === format) return;
  const expected = `expected ${format}, the one layout of a pipeline of its kind`;
  throw new UsageError(`--layout: ${expected}, or the folder of its VQGAN alone, got ${layout}`);
}

/** Only VQGANs are in several layouts. Text encoders are as transformers has them in our folders and in diffusers'. */
function checkOnlyLayout(layout: VQGANLayout, config: unknown, source: string): void {
  const fields = typeof config === 'object' && config !== null ? config : {};
  const isText = 'model_type' in fields || 'architectures' in fields;
  const own: readonly VQGANLayout[] = isText
    ? ['muse', 'diffusers']
    : '_class_name' in fields
      ? ['diffusers']
      : ['muse'];
  if (own.includes(layout)) return;
  const expected = `expected ${own.join(' or ')}, as ${source} is no VQGAN and has no other layout`;
  throw new UsageError(`--layout: ${expected}, got ${layout}`);
}

const dtypes = { f32: 'F32', f16: 'F16', bf16: 'BF16' } as const;
