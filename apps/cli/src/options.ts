import { InvalidArgumentError, Option } from 'commander';
import { defaultModel, devices } from './values.js';

export function oneOf(flags: string, description: string, choices: readonly string[]): Option {
  return new Option(flags, description).choices(choices);
}

export function deviceOption(): Option {
  return oneOf('--device <name>', 'what computes (default: auto, the first that works)', devices);
}

/** A path or name that was given empty would be taken for the current folder. */
export function notEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Expected a name.');
  return text;
}

export function modelOption(): Option {
  return new Option(
    '-m, --model <model>',
    `model folder, or name of an installed package (default: ${defaultModel})`,
  ).argParser(notEmpty);
}

export function outputOption(description: string): Option {
  return new Option('-o, --output <path>', description).argParser(notEmpty);
}
