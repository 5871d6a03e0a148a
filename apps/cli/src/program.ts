import { createRequire } from 'node:module';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { DecodeTokensFlags } from './commands/decodeTokens.js';
import type { DevicesFlags } from './commands/devices.js';
import type { EncodeImageFlags } from './commands/encodeImage.js';
import type { EncodeTextFlags } from './commands/encodeText.js';
import type { GenerateFlags } from './commands/generateJob.js';
import type { Io } from './terminal/io.js';
import {
  choiceTemperature,
  defaultModel,
  devices,
  guidanceSchedules,
  integerFrom,
  interval,
  maskSchedules,
  numberFrom,
  orders,
  share,
} from './values.js';

/** What commands get beside their options. */
export interface CommandContext {
  readonly io: Io;
  readonly signal: AbortSignal;
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The command line. What a command does is imported when it runs, so that help and mistakes are told at once. */
export function buildProgram({ io, signal }: CommandContext): Command {
  const program = new Command('muse')
    .description('Images from prompts, on your own machine. Generates, tokenizes and trains.')
    .version(version)
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      // One line, as all errors.
      outputError: (text, write) =>
        write(
          `${text
            .replace(/^error: /, 'muse: ')
            .trim()
            .replace(/\n+/g, ' ')}\n`,
        ),
    });
  addGenerate(program, io, signal);
  addDevices(program, io);
  addEncodeImage(program, io, signal);
  addDecodeTokens(program, io, signal);
  addEncodeText(program, io, signal);
  addInspect(program, io);
  return program;
}

function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

function deviceOption(): Option {
  return oneOf('--device <name>', 'what computes (default: auto, the first that works)', devices);
}

/** A path or name that was given empty would be taken for the current folder. */
function notEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected a name.');
  return text;
}

function modelOption(): Option {
  return new Option(
    '-m, --model <model>',
    `model folder, or name of an installed package (default: ${defaultModel})`,
  ).argParser(notEmpty);
}

function outputOption(description: string): Option {
  return new Option('-o, --output <path>', description).argParser(notEmpty);
}

function addGenerate(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('generate')
    .summary('make images from a prompt')
    .description('Makes images from a prompt and writes them as PNG files, which remember how they were made.')
    .argument('[prompt]', 'what to draw')
    .option('--prompts <file>', 'a prompt on each line of a file, for many images')
    .option('--from <image.png>', 'repeat an image that muse made, to the byte; other options change what they name')
    .option('-n, --negative <text>', 'what not to draw')
    .option('-s, --seed <n>', 'of the first image; the others have the next ones (default: random)', integerFrom(0))
    .option('-c, --count <n>', 'images of each prompt (default: 1)', integerFrom(1, 10_000))
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(outputOption('a folder, or a file that ends in .png (default: <prompt>-<seed>.png here)'))
    .option('-f, --force', 'overwrite files')
    .optionsGroup('Sampling (by default as the model wants it):')
    .option('--steps <n>', 'decoding steps', integerFrom(1))
    .option('--guidance <t>', 'how closely to follow the prompt: t in (1 + t)·with − t·without', numberFrom(0))
    .addOption(oneOf('--guidance-schedule <name>', 'how guidance moves over the steps', guidanceSchedules))
    .option('--guidance-interval <a,b>', 'where --guidance-schedule interval guides, in [0, 1]', interval)
    .addOption(oneOf('--order <name>', 'which tokens are decided first', orders))
    .addOption(oneOf('--mask-schedule <name>', 'how many tokens are decided when', maskSchedules))
    .option('--sample-temperature <x>', 'of the draw of tokens; 0 takes the most likely', numberFrom(0))
    .option('--choice-temperature <a[,b]>', 'noise on the order, from a to b over the steps (b: 0)', choiceTemperature)
    .option('--top-k <n>', 'draw among the n most likely tokens', integerFrom(1))
    .option('--top-p <p>', 'draw among the most likely tokens that sum to p', share)
    .optionsGroup('More output:')
    .option('--grid', 'one sheet of all images as well')
    .option('--steps-gif', 'an animation of the decoding of each image as well')
    .option('--steps-strip', 'a PNG strip of the decoding of each image as well')
    .addOption(
      new Option('--tokens <ids.json>', 'the token ids after every step, one file per image').argParser(notEmpty),
    )
    .option('--json', 'a report on stdout for programs')
    .option('-q, --quiet', 'no progress')
    .option('--no-picture', 'do not show the image in the terminal')
    .addHelpText(
      'after',
      `
Examples:
  $ muse generate "a smiling cat, 3D style"
  $ muse generate "two red apples" --count 9 --grid --seed 1
  $ muse generate "a dog, flat style" --steps 12 --guidance 3 --order halton --output dog.png
  $ muse generate --from dog.png --output again.png
  $ muse generate --prompts prompts.txt --output sheet/ --json`,
    )
    .action(async (prompt: string | undefined, flags: GenerateFlags) => {
      const { generate } = await import('./commands/generate.js');
      await generate(prompt, flags, io, signal);
    });
}

function addDevices(program: Command, io: Io): void {
  program
    .command('devices')
    .summary('what can compute here, what is missing and how to get it')
    .description('Lists what can compute on this machine, what is missing and how to get it.')
    .addOption(oneOf('--install <name>', 'download what a device needs', ['tensorflow']))
    .option('--json', 'a report on stdout for programs')
    .addHelpText('after', '\nExamples:\n  $ muse devices\n  $ muse devices --install tensorflow')
    .action(async (flags: DevicesFlags) => {
      const command = await import('./commands/devices.js');
      await command.devices(flags, io);
    });
}

function addEncodeImage(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('encode-image')
    .summary('an image to token ids')
    .description('Turns a PNG image into the ids of its tokens: the VQGAN alone.')
    .argument('<image.png>', 'sides must be multiples of the pixels per token')
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

function addDecodeTokens(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('decode-tokens')
    .summary('token ids to an image')
    .description('Turns token ids, as encode-image and generate --tokens write them, into a PNG image.')
    .argument('<ids.json>', '{ "grid": [h, w], "steps": [[id, …], …] }')
    .addOption(modelOption())
    .addOption(deviceOption())
    .option('--step <n>', 'which of the steps (default: the last)', integerFrom(1))
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

function addEncodeText(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('encode-text')
    .summary('a text to its embeddings')
    .description('Writes what the transformer sees of a text: safetensors with embeds [T, D] and mask [T].')
    .argument('<text>')
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(outputOption('a folder, or a file that ends in .safetensors (default: <text>.safetensors here)'))
    .option('-f, --force', 'overwrite files')
    .option('-q, --quiet', 'no progress')
    .addHelpText('after', '\nExample:\n  $ muse encode-text "a smiling cat" --output cat.safetensors')
    .action(async (text: string, flags: EncodeTextFlags) => {
      const { encodeText } = await import('./commands/encodeText.js');
      await encodeText(text, flags, io, signal);
    });
}

function addInspect(program: Command, io: Io): void {
  program
    .command('inspect')
    .summary('what a model holds')
    .description('Shows the components, parameters, bytes and licence of a model.')
    .argument('[model]', 'model folder, or name of an installed package', defaultModel)
    .option('--json', 'a report on stdout for programs')
    .addHelpText('after', '\nExample:\n  $ muse inspect @muse/model-emoji')
    .action(async (model: string, flags: { json?: boolean }) => {
      const { inspect } = await import('./commands/inspect.js');
      await inspect(model, flags, io);
    });
}
