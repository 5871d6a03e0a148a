import type { Command } from 'commander';
import type { DecodeTokensFlags } from './commands/decodeTokens.js';
import type { EncodeImageFlags } from './commands/encodeImage.js';
import type { EncodeTextFlags } from './commands/encodeText.js';
import { deviceOption, modelOption, oneOf, outputOption } from './options.js';
import type { CommandContext } from './program.js';
import { integerFrom, stages } from './values.js';

/** Commands that use one part of a model, which may be all that there is of it. */
export function addEncodeCommands(program: Command, context: CommandContext): void {
  addEncodeImage(program, context);
  addDecodeTokens(program, context);
  addEncodeText(program, context);
}

function addEncodeImage(program: Command, { io, signal }: CommandContext): void {
  program
    .command('encode-image')
    .summary('an image to token ids')
    .description('Turns an image into the ids of its tokens: the VQGAN of a model, or a VQGAN alone.')
    .argument('<image>', 'PNG, JPEG, WebP, …; sides must be multiples of the pixels per token')
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(outputOption('a file that ends in .json, or a folder (default: stdout)'))
    .option('-f, --force', 'overwrite files')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nExample:\n  $ muse encode-image cat.png --output cat.json')
    .action(async (image: string, flags: EncodeImageFlags) => {
      const { encodeImage } = await import('./commands/encodeImage.js');
      await encodeImage(image, flags, io, signal);
    });
}

function addDecodeTokens(program: Command, { io, signal }: CommandContext): void {
  program
    .command('decode-tokens')
    .summary('token ids to an image')
    .description('Turns token ids, as encode-image and --tokens write them, into a PNG image.')
    .argument('<ids.json>', '{ "grid": [h, w], "steps": [[id, …], …] }, and "superRes" of the same kind')
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(oneOf('--stage <name>', "which stage's tokens (default: the last in the file)", stages))
    .option('--step <n>', 'which of the steps (default: the last)', integerFrom(1))
    .option('--window <n>', 'which of the windows of outpaint (default: the last)', integerFrom(1))
    .addOption(outputOption('a folder, or a file that ends in .png (default: <ids>.png here)'))
    .option('-f, --force', 'overwrite files')
    .option('-q, --quiet', 'no progress')
    .option('--no-picture', 'do not show the image in the terminal')
    .addHelpText('after', '\nExample:\n  $ muse decode-tokens cat.json --output cat.png')
    .action(async (ids: string, flags: DecodeTokensFlags) => {
      const { decodeTokens } = await import('./commands/decodeTokens.js');
      await decodeTokens(ids, flags, io, signal);
    });
}

function addEncodeText(program: Command, { io, signal }: CommandContext): void {
  program
    .command('encode-text')
    .summary('a text to its embeddings')
    .description(
      'Writes what a transformer sees of texts: safetensors with embeds [T, D] and mask [T], a file each. The model is one\n' +
        'with a text encoder, or a T5 alone; a T5 is read block by block, so that XXL needs 3 GB of memory.',
    )
    .argument('[text]')
    .option('-b, --batch <file>', 'a text on each line, instead of <text>')
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(outputOption('a folder, or a file that ends in .safetensors (default: <text>.safetensors here)'))
    .option('-f, --force', 'overwrite files')
    .option('-q, --quiet', 'no progress')
    .optionsGroup('A T5 alone:')
    .option('--max-length <n>', 'most tokens of a text (default: 64)', integerFrom(1))
    .addOption(
      oneOf('--weights <kind>', 'read anew for each 64 texts, or kept at 8 bits (default: file)', ['file', 'int8']),
    )
    .option('--no-cache', 'compute texts again that were encoded before')
    .addHelpText(
      'after',
      `
What a T5 made of a text is kept in ~/.cache/muse/prompts (MUSE_CACHE/prompts), by content, for later runs.

Examples:
  $ muse encode-text "a smiling cat" --output cat.safetensors
  $ muse encode-text --model google/flan-t5-xl --batch prompts.txt --output states`,
    )
    .action(async (text: string | undefined, flags: EncodeTextFlags) => {
      const { encodeText } = await import('./commands/encodeText.js');
      await encodeText(text, flags, io, signal);
    });
}
