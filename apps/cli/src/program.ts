import { createRequire } from 'node:module';
import { Command } from 'commander';
import type { DecodeTokensFlags } from './commands/decodeTokens.js';
import type { DevicesFlags } from './commands/devices.js';
import type { EncodeImageFlags } from './commands/encodeImage.js';
import type { EncodeTextFlags } from './commands/encodeText.js';
import type { InspectFlags } from './commands/inspect.js';
import { addEditCommands } from './editCommands.js';
import { addGenerate } from './generateCommand.js';
import { addModelCommands } from './modelCommands.js';
import { addSourceOptions, deviceOption, modelOption, oneOf, outputOption } from './options.js';
import type { Io } from './terminal/io.js';
import { addTrain } from './trainCommand.js';
import { defaultModel, integerFrom, stages } from './values.js';

/** What commands get beside their options. */
export interface CommandContext {
  readonly io: Io;
  readonly signal: AbortSignal;
}

const { version } = createRequire(import.meta.url)('../package.json') as { version: string };

/** The command line. What a command does is imported when it runs, so that help and mistakes are told at once. */
export function buildProgram(context: CommandContext): Command {
  const { io, signal } = context;
  const program = new Command('muse')
    .description('Images from prompts, on your own machine. Generates, edits, tokenizes and trains.')
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
  addEditCommands(program, context);
  addDevices(program, io);
  addTrain(program, io, signal);
  addEncodeImage(program, io, signal);
  addDecodeTokens(program, io, signal);
  addEncodeText(program, io, signal);
  addInspect(program, io, signal);
  addModelCommands(program, context);
  for (const command of program.commands) {
    const takesModel = command.options.some(({ long }) => long === '--model') || command.name() === 'inspect';
    if (takesModel) addSourceOptions(command);
  }
  return program;
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
    .description('Turns an image into the ids of its tokens: the VQGAN alone.')
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

function addDecodeTokens(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('decode-tokens')
    .summary('token ids to an image')
    .description('Turns token ids, as encode-image and generate --tokens write them, into a PNG image.')
    .argument('<ids.json>', '{ "grid": [h, w], "steps": [[id, …], …] }, and "superRes" of the same kind')
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(oneOf('--stage <name>', "which stage's tokens (default: the last in the file)", stages))
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

function addInspect(program: Command, io: Io, signal: AbortSignal): void {
  program
    .command('inspect')
    .summary('what a model holds')
    .description('Shows the components, parameters, bytes and licence of a model.')
    .argument('[model]', 'folder, installed package, org/name on the Hugging Face hub, or URL', defaultModel)
    .option('--json', 'a report on stdout for programs')
    .addHelpText('after', '\nExample:\n  $ muse inspect @muse/model-emoji')
    .action(async (model: string, flags: InspectFlags) => {
      const { inspect } = await import('./commands/inspect.js');
      await inspect(model, flags, io, signal);
    });
}
