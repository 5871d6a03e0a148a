import type { Command } from 'commander';
import type { CacheFlags } from './commands/cache.js';
import type { DownloadFlags } from './commands/download.js';
import { addSourceOptions, notEmpty } from './options.js';
import type { CommandContext } from './program.js';

/** Commands about model files: fetching, keeping, converting. */
export function addModelCommands(program: Command, context: CommandContext): void {
  addDownload(program, context);
  addCache(program, context);
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
