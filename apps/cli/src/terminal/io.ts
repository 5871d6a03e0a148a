/** Where a command writes, and what it knows of its surroundings. */
export interface Io {
  /** To stdout: results. */
  out(text: string): void;
  /** To stderr: progress, warnings, errors. */
  err(text: string): void;
  readonly isOutTerminal: boolean;
  /** One in which a line can be written over. */
  readonly isErrTerminal: boolean;
  /** Width of stderr's terminal. */
  readonly columns: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

export function processIo(): Io {
  const { stdout, stderr, env } = process;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    isOutTerminal: stdout.isTTY ?? false,
    // An editor's shell knows no escapes, and says so.
    isErrTerminal: (stderr.isTTY ?? false) && env.TERM !== 'dumb',
    // Asked each time, as windows change. Some pseudo-terminals say 0.
    get columns() {
      return stderr.columns || 80;
    },
    env,
  };
}

/** Resolves when what was written so far has left this process. */
export async function flush(): Promise<void> {
  for (const stream of [process.stdout, process.stderr]) {
    if (!stream.destroyed) await new Promise<void>((resolve) => stream.write('', () => resolve()));
  }
}
