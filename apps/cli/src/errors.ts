import { CommanderError } from 'commander';

/** Exit codes: all well, failure, what was asked for can't be done as it stands, ended by Ctrl-C. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130, terminated: 143 } as const;

/** Something in the command line, or in what it names, that the user can put right. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Errors of the packages that are about what the user gave; by name, as importing the classes would load tfjs. */
const usageErrorNames = new Set([
  'UsageError',
  'ConfigError',
  'WeightError',
  'ImageError',
  'ShapeError',
  'UnsupportedBackendError',
]);

/** Longest message that is shown whole. */
const MAX_MESSAGE_LENGTH = 600;

export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (error instanceof Error && usageErrorNames.has(error.name)) return exitCodes.usage;
  return exitCodes.failure;
}

/** An error in one line: without the place in our code, which says nothing to a user of the command. */
export function oneLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text
    .replace(/^\[[a-z0-9-]+\] [^:]+: /, '')
    .replace(/:\n\s*/g, ': ')
    .replace(/\s*\n\s*/g, '; ')
    .trim();
  const shown = line.length > MAX_MESSAGE_LENGTH ? `${line.slice(0, MAX_MESSAGE_LENGTH)} …` : line;
  return shown || 'an error without a message';
}
