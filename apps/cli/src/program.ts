import { createRequire } from 'node:module';
import { Command } from 'commander';
import type { DevicesFlags } from './commands/devices.js';
import type { InspectFlags } from './commands/inspect.js';
import { addEditCommands } from './editCommands.js';
import { addEncodeCommands } from './encodeCommands.js';
import { addGenerate } from './generateCommand.js';
import { addModelCommands } from './modelCommands.js';
import { addSourceOptions, oneOf } from './options.js';
import type { Io } from './terminal/io.js';
import { addTrain } from './trainCommand.js';
import { defaultModel } from './values.js';

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
  addEncodeCommands(program, context);
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
