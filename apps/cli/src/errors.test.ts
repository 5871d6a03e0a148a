import { ConfigError, MuseError, WeightError } from '@muse/backend';
import { CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { exitCodeOf, oneLine, UsageError } from './errors.js';

describe('exitCodeOf', () => {
  it('is 2 for what the user can put right, 1 for all else', () => {
    const place = { package: 'muse', in: 'generate' };
    expect(exitCodeOf(new UsageError('x'))).toBe(2);
    expect(exitCodeOf(new ConfigError(place, 'x'))).toBe(2);
    expect(exitCodeOf(new WeightError(place, 'x'))).toBe(2);
    expect(exitCodeOf(new CommanderError(1, 'commander.unknownOption', 'x'))).toBe(2);
    expect(exitCodeOf(new CommanderError(0, 'commander.helpDisplayed', 'x'))).toBe(0);
    expect(exitCodeOf(new MuseError(place, 'x'))).toBe(1);
    expect(exitCodeOf(new TypeError('x'))).toBe(1);
    expect(exitCodeOf('x')).toBe(1);
  });
});

describe('oneLine', () => {
  it('leaves out the place in the code and joins lines', () => {
    const error = new WeightError({ package: 'checkpoint', in: 'loadParameters' }, 'got 2 missing:\n  a [3]\n  b [5]');
    expect(oneLine(error)).toBe('got 2 missing: a [3]; b [5]');
  });

  it('cuts what would fill the screen, and always says something', () => {
    expect(oneLine(new Error('x'.repeat(5000)))).toHaveLength(602);
    expect(oneLine(new Error(''))).toBe('an error without a message');
    expect(oneLine('plain')).toBe('plain');
  });
});
