import { type Command, Option } from 'commander';
import type { GenerateFlags } from './commands/generateJob.js';
import { deviceOption, modelOption, notEmpty, oneOf, outputOption } from './options.js';
import type { Io } from './terminal/io.js';
import {
  choiceTemperature,
  guidanceSchedules,
  integerFrom,
  interval,
  maskSchedules,
  numberFrom,
  orders,
  share,
} from './values.js';

export function addGenerate(program: Command, io: Io, signal: AbortSignal): void {
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
