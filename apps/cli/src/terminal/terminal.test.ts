import { describe, expect, it, vi } from 'vitest';
import { byteSize, duration } from './duration.js';
import { type Io, processIo } from './io.js';
import { pictureEscape, pictureProtocol } from './picture.js';
import { ProgressLine } from './progressLine.js';

function fakeIo(isErrTerminal: boolean, columns = 80): Io & { written: string[] } {
  const written: string[] = [];
  const err = (text: string) => void written.push(text);
  return { written, err, out: err, isErrTerminal, isOutTerminal: isErrTerminal, columns, env: {} };
}

describe('duration and byteSize', () => {
  it('are for people', () => {
    expect([0, 840, 9949, 9960, 59_499, 59_600, 185_000, 7_800_000].map(duration)).toEqual([
      '0.0 s',
      '0.8 s',
      '9.9 s',
      '10 s',
      '59 s',
      '1 min 0 s',
      '3 min 5 s',
      '2 h 10 min',
    ]);
    expect([0, 834, 999, 1000, 12_345_678, 999_600].map(byteSize)).toEqual([
      '0 B',
      '834 B',
      '999 B',
      '1.00 kB',
      '12.3 MB',
      '1.00 MB',
    ]);
  });
});

describe('ProgressLine', () => {
  it('writes over one line in a terminal, cut to its width, and takes it away', () => {
    const io = fakeIo(true, 10);
    const progress = new ProgressLine(io);
    progress.update('a text that is too long');
    progress.clear();
    progress.clear();
    expect(io.written).toEqual(['\r\x1b[2Ka text th', '\r\x1b[2K']);
  });

  it('writes plain lines elsewhere, not more than one in two seconds', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const io = fakeIo(false);
      const progress = new ProgressLine(io);
      for (let second = 0; second < 50; second++) {
        progress.update(`step ${second}`);
        vi.advanceTimersByTime(100);
      }
      expect(io.written).toEqual(['step 0\n', 'step 20\n', 'step 40\n']);
      progress.line('stays');
      expect(io.written.at(-1)).toBe('stays\n');
    } finally {
      vi.useRealTimers();
    }
  });

  it('is silent when it is told to be', () => {
    const io = fakeIo(true);
    const progress = new ProgressLine(io, true);
    progress.update('a');
    progress.line('b');
    expect(io.written).toEqual([]);
  });
});

describe('processIo', () => {
  it('takes a terminal that knows no escapes for none, and asks for the width each time', () => {
    const before = Object.getOwnPropertyDescriptors(process.stderr);
    const set = (values: object) => Object.assign(process.stderr, values);
    try {
      set({ isTTY: true, columns: 60 });
      vi.stubEnv('TERM', 'xterm');
      const io = processIo();
      expect([io.isErrTerminal, io.columns]).toEqual([true, 60]);
      set({ columns: 200 });
      expect(io.columns).toBe(200);
      set({ columns: 0 });
      expect(io.columns).toBe(80);
      vi.stubEnv('TERM', 'dumb');
      expect(processIo().isErrTerminal).toBe(false);
    } finally {
      vi.unstubAllEnvs();
      set({ isTTY: before.isTTY?.value, columns: before.columns?.value });
    }
  });
});

describe('pictureProtocol', () => {
  const protocol = (env: Record<string, string>, isOutTerminal = true) => pictureProtocol({ isOutTerminal, env });

  it('is known of the terminals that have one', () => {
    expect(protocol({ TERM: 'xterm-kitty' })).toBe('kitty');
    expect(protocol({ TERM: 'xterm-ghostty' })).toBe('kitty');
    expect(protocol({ TERM: 'xterm-256color', KITTY_WINDOW_ID: '1' })).toBe('kitty');
    expect(protocol({ TERM_PROGRAM: 'iTerm.app' })).toBe('iterm2');
    expect(protocol({ TERM_PROGRAM: 'WezTerm' })).toBe('iterm2');
    expect(protocol({ LC_TERMINAL: 'iTerm2' })).toBe('iterm2');
  });

  it('is none in other terminals, in pipes and inside of tmux and screen', () => {
    expect(protocol({ TERM: 'xterm-256color' })).toBeUndefined();
    expect(protocol({ TERM: 'xterm-kitty' }, false)).toBeUndefined();
    expect(protocol({ TERM: 'screen-256color', KITTY_WINDOW_ID: '1' })).toBeUndefined();
    expect(protocol({ TERM: 'xterm-kitty', TMUX: '/run/tmux' })).toBeUndefined();
  });
});

describe('pictureEscape', () => {
  const png = Uint8Array.from({ length: 7000 }, (_, i) => i % 251);
  const base64 = Buffer.from(png).toString('base64');

  it('gives kitty the file in chunks of 4096, the last one marked', () => {
    const sequence = pictureEscape(png, 'kitty');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is tested.
    const chunks = [...sequence.matchAll(/\x1b_G([^;]*);([^\x1b]*)\x1b\\/g)];
    expect(chunks.map((chunk) => chunk[1])).toEqual(['a=T,f=100,q=2,c=24,m=1', 'm=1', 'm=0']);
    expect(chunks.map((chunk) => chunk[2]).join('')).toBe(base64);
    expect(chunks.every((chunk) => chunk[2]!.length <= 4096)).toBe(true);
    expect(chunks.map((chunk) => chunk[0]).join('')).toBe(sequence.slice(0, -1));
  });

  it('gives iTerm2 the file at once, with its size', () => {
    expect(pictureEscape(png, 'iterm2')).toBe(
      `\x1b]1337;File=inline=1;size=7000;width=24;preserveAspectRatio=1:${base64}\x07\n`,
    );
  });
});
