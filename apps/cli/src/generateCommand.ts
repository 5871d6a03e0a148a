import type { Command } from 'commander';
import type { GenerateFlags } from './commands/generateJob.js';
import {
  addDecodeOptions,
  addDrawOptions,
  addImageOptions,
  addMicroConditioning,
  addMoreOutput,
  addSuperResOptions,
} from './options.js';
import type { Io } from './terminal/io.js';

export function addGenerate(program: Command, io: Io, signal: AbortSignal): void {
  const command = program
    .command('generate')
    .summary('make images from a prompt')
    .description('Makes images from a prompt and writes them as PNG files, which remember how they were made.')
    .argument('[prompt]', 'what to draw')
    .option('--prompts <file>', 'a prompt on each line of a file, for many images')
    .option('--from <image.png>', 'repeat an image that muse made, to the byte; other options change what they name')
    .option('-n, --negative <text>', 'what not to draw');
  addImageOptions(command, '<prompt>-<seed>.png');
  command.optionsGroup('Sampling (by default as the model wants it):');
  addDrawOptions(addDecodeOptions(command));
  addMoreOutput(addMicroConditioning(addSuperResOptions(command)))
    .addHelpText(
      'after',
      `
Examples:
  $ muse generate "a smiling cat, 3D style"
  $ muse generate "two red apples" --count 9 --grid --seed 1
  $ muse generate "a dog, flat style" --steps 12 --guidance 3 --order halton --output dog.png
  $ muse generate "a dog, flat style" --no-super-res
  $ muse generate --from dog.png --output again.png
  $ muse generate --prompts prompts.txt --output sheet/ --json`,
    )
    .action(async (prompt: string | undefined, flags: GenerateFlags) => {
      const { generate } = await import('./commands/generate.js');
      await generate(prompt, flags, io, signal);
    });
}
