import type { VQGANLayout } from '@muse/vqgan';
import type { Command } from 'commander';
import type { CacheFlags } from './commands/cache.js';
import type { ConvertFlags } from './commands/convert.js';
import type { DownloadFlags } from './commands/download.js';
import { addSourceOptions, notEmpty, oneOf } from './options.js';
import type { CommandContext } from './program.js';
import { byteCount } from './values.js';

const layouts: readonly VQGANLayout[] = ['muse', 'diffusers', 'taming', 'maskgit'];

/** Commands about model files: fetching, keeping, converting. */
export function addModelCommands(program: Command, context: CommandContext): void {
  addDownload(program, context);
  addCache(program, context);
  addConvert(program, context);
}

function addDownload(program: Command, { io, signal }: CommandContext): void {
  const command = program
    .command('download')
    .summary('a model of the Hugging Face hub into the cache')
    .description('Downloads what is needed of a model of the Hugging Face hub, checked, to be used without a network.')
    .argument('<model>', 'org/name', notEmpty)
    .option('--json', 'a report on stdout for programs')
    .option('-q, --quiet', 'no progress');
  addSourceOptions(command).addHelpText(
    'after',
    `
What was interrupted goes on where it stopped. HF_TOKEN, HF_HOME, HF_HUB_CACHE and HF_ENDPOINT are taken as Python's
huggingface_hub takes them, and the cache is the same.

Examples:
  $ muse download amused/amused-256 --variant fp16
  $ muse generate --model amused/amused-256 --variant fp16 --offline "a red apple"`,
  );
  command.action(async (model: string, flags: DownloadFlags) => {
    const { download } = await import('./commands/download.js');
    await download(model, flags, io, signal);
  });
}

function addCache(program: Command, { io, signal }: CommandContext): void {
  const cache = program
    .command('cache')
    .summary('list, remove and verify downloaded models')
    .description("Looks after the cache of downloaded models, which is shared with Python's huggingface_hub.")
    .addHelpText(
      'after',
      `
Examples:
  $ muse cache list
  $ muse cache verify
  $ muse cache remove amused/amused-256`,
    );
  const add = (name: string, summary: string, example: string) =>
    cache
      .command(name)
      .summary(summary)
      .description(`${summary[0]!.toUpperCase()}${summary.slice(1)}.`)
      .option('--cache-dir <folder>', 'where files are kept (default: HF_HUB_CACHE)', notEmpty)
      .option('--json', 'a report on stdout for programs')
      .addHelpText('after', `\nExample:\n  $ muse cache ${example}`);
  add('list', 'the models in the cache, their revisions and sizes', 'list').action(async (flags: CacheFlags) => {
    const { cacheList } = await import('./commands/cache.js');
    await cacheList(flags, io);
  });
  add('remove', 'removes models from the cache', 'remove amused/amused-256 --revision main')
    .argument('<models...>', 'org/name')
    .option('--revision <name>', 'only this branch, tag or commit, and what no other has', notEmpty)
    .action(async (ids: string[], flags: CacheFlags & { revision?: string }) => {
      const { cacheRemove } = await import('./commands/cache.js');
      await cacheRemove(ids, flags, io);
    });
  add('verify', 'reads every file of the cache and checks it against its hash', 'verify amused/amused-256')
    .argument('[model]', 'org/name (default: all)')
    .option('--remove-broken', 'remove what is broken, to be fetched again')
    .option('-q, --quiet', 'no progress')
    .action(async (id: string | undefined, flags: CacheFlags & { removeBroken?: boolean }) => {
      const { cacheVerify } = await import('./commands/cache.js');
      await cacheVerify(id, flags, io, signal);
    });
}

function addConvert(program: Command, { io, signal }: CommandContext): void {
  const command = program
    .command('convert')
    .summary('weights in another dtype, in shards, in another layout')
    .description('Writes weights anew: a safetensors file, the weights of one folder, or a whole model.')
    .argument('<source>', 'a .safetensors file, or a model as for --model', notEmpty)
    .argument('<output>', 'a folder, or for a file another .safetensors file', notEmpty)
    .addOption(oneOf('--dtype <name>', 'of the floating-point tensors (default: as they are)', ['f32', 'f16', 'bf16']))
    .option(
      '--max-shard-size <size>',
      'split weights into files of at most this, as 5GB (default: one file)',
      byteCount,
    )
    .addOption(oneOf('--layout <name>', "of a VQGAN: whose names, shapes and config (default: the source's)", layouts))
    .option('-f, --force', 'overwrite files')
    .option('--json', 'a report on stdout for programs')
    .option('-q, --quiet', 'no progress');
  addSourceOptions(command).addHelpText(
    'after',
    `
Layouts of a VQGAN are ours, diffusers' VQModel, taming-transformers' and MaskGIT's, which is only read; tensors keep their
bytes, and what a layout can't hold is an error that says why. A pipeline has one layout: convert its VQGAN's folder.

Pickle files (.bin, .ckpt, .pt) are never opened, as reading one can run any code; the error says how to convert one in
Python. To f16, a value out of its range is an error.

Examples:
  $ muse convert model.safetensors half.safetensors --dtype f16
  $ muse convert google/flan-t5-xl t5/ --dtype bf16 --max-shard-size 2GB
  $ muse convert amused/amused-256 amused-f16/ --dtype f16
  $ muse convert vqgan-imagenet-f16/ vqgan/ --layout muse
  $ muse convert my-model/vqgan/ vqmodel/ --layout diffusers`,
  );
  command.action(async (source: string, output: string, flags: ConvertFlags) => {
    const { convert } = await import('./commands/convert.js');
    await convert(source, output, flags, io, signal);
  });
}
