import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  choiceTemperature,
  defaultModel,
  devices,
  dtypes,
  guidanceSchedules,
  integerFrom,
  interval,
  maskSchedules,
  numberFrom,
  orders,
  pair,
  share,
  textEncoders,
} from './values.js';

export function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

export function deviceOption(): Option {
  return oneOf('--device <name>', 'what computes (default: auto, the first that works)', devices);
}

function dtypeOption(): Option {
  return oneOf('--dtype <name>', "what the transformer's weights are kept in (default: f32)", dtypes);
}

function textEncoderOption(): Option {
  const description = 'weights of a T5 on the device or read from their file for each prompt (default: auto, by size)';
  return oneOf('--text-encoder <place>', description, textEncoders);
}

/** A path or name that was given empty would be taken for the current folder. */
export function notEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected a name.');
  return text;
}

export function modelOption(): Option {
  return new Option(
    '-m, --model <model>',
    `folder, installed package, org/name on the Hugging Face hub, or URL (default: ${defaultModel})`,
  ).argParser(notEmpty);
}

/** How a model that is not a folder is found and fetched. */
export function addSourceOptions(command: Command): Command {
  return command
    .optionsGroup('Models of the Hugging Face hub:')
    .addOption(new Option('--revision <name>', 'branch, tag or commit (default: main)').argParser(notEmpty))
    .addOption(new Option('--variant <name>', 'weights of another kind, as fp16').argParser(notEmpty))
    .addOption(new Option('--cache-dir <folder>', 'where files are kept (default: HF_HUB_CACHE)').argParser(notEmpty))
    .option('--offline', 'use what is cached, ask nobody (also: HF_HUB_OFFLINE=1)');
}

export function outputOption(description: string): Option {
  return new Option('-o, --output <path>', description).argParser(notEmpty);
}

/** Options of every command that makes images: how many, with what, and where they go. */
export function addImageOptions(command: Command, defaultName: string): Command {
  return command
    .option('-s, --seed <n>', 'of the first image; the others have the next ones (default: random)', integerFrom(0))
    .option('-c, --count <n>', 'images to make (default: 1)', integerFrom(1, 10_000))
    .addOption(modelOption())
    .addOption(deviceOption())
    .addOption(dtypeOption())
    .addOption(textEncoderOption())
    .addOption(outputOption(`a folder, or a file that ends in .png (default: ${defaultName} here)`))
    .option('-f, --force', 'overwrite files');
}

/** How many steps, and which tokens when: what decodes have of their own. */
export function addDecodeOptions(command: Command): Command {
  return command
    .option('--steps <n>', 'decoding steps', integerFrom(1))
    .addOption(oneOf('--order <name>', 'which tokens are decided first', orders))
    .addOption(oneOf('--mask-schedule <name>', 'how many tokens are decided when', maskSchedules))
    .option('--choice-temperature <a[,b]>', 'noise on the order, from a to b over the steps (b: 0)', choiceTemperature);
}

/** How a token is drawn. */
export function addDrawOptions(command: Command): Command {
  return command
    .option(
      '--guidance <t>',
      'how closely to follow the prompt: t in (1 + t)·with − t·without; of a diffusers folder s = t + 1',
      numberFrom(0),
    )
    .addOption(oneOf('--guidance-schedule <name>', 'how guidance moves over the steps', guidanceSchedules))
    .option('--guidance-interval <a,b>', 'where --guidance-schedule interval guides, in [0, 1]', interval)
    .option('--sample-temperature <x>', 'of the draw of tokens; 0 takes the most likely', numberFrom(0))
    .option('--top-k <n>', 'draw among the n most likely tokens', integerFrom(1))
    .option('--top-p <p>', 'draw among the most likely tokens that sum to p', share);
}

/** What aMUSEd is told of the picture beside its text. */
export function addMicroConditioning(command: Command): Command {
  return command
    .optionsGroup('Micro-conditioning (of aMUSEd):')
    .option('--aesthetic-score <x>', 'of the images to be like, 1 to 10 (default: 6)', numberFrom(0))
    .option('--original-size <w,h>', "of the images to be like, in pixels (default: the image's own)", pair)
    .option('--crop-offset <x,y>', 'of the images to be like, in pixels (default: 0,0)', pair);
}

/** Whether and how the second stage of a model has its turn. */
export function addSuperResOptions(command: Command): Command {
  return command
    .optionsGroup('Super-resolution (of models that have a second stage):')
    .option('--super-res', 'go on to the fine image, which is the default')
    .option('--no-super-res', 'stop at the coarse image')
    .option('--super-res-steps <n>', 'decoding steps of the second stage', integerFrom(1))
    .option('--super-res-guidance <t>', 'guidance of the second stage', numberFrom(0));
}

/** Files beside the images, and what is printed. */
export function addMoreOutput(command: Command): Command {
  return command
    .optionsGroup('More output:')
    .option('--grid', 'one sheet of all images as well')
    .option('--steps-gif', 'an animation of the steps of each image as well')
    .option('--steps-strip', 'a PNG strip of the steps of each image as well')
    .addOption(
      new Option('--tokens <ids.json>', 'the token ids after every step, one file per image').argParser(notEmpty),
    )
    .option('--json', 'a report on stdout for programs')
    .option('-q, --quiet', 'no progress')
    .option('--no-picture', 'do not show the image in the terminal');
}
