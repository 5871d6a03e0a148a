import { CommanderError } from 'commander';
import { exitCodeOf, exitCodes, oneLine } from './errors.js';
import { listenForInterrupt } from './interrupt.js';
import { buildProgram } from './program.js';
import type { Io } from './terminal/io.js';

/**
 * Runs a command line.
 *
 * @param args without `node` and the script
 * @returns the exit code; everything that went wrong has been told in one line on stderr
 */
export async function runCli(args: readonly string[], io: Io): Promise<number> {
  const interrupt = listenForInterrupt();
  try {
    await buildProgram({ io, signal: interrupt.signal }).parseAsync([...args], { from: 'user' });
    return interrupt.exitCode ?? exitCodes.ok;
  } catch (error) {
    if (interrupt.exitCode !== undefined) {
      io.err('muse: stopped\n');
      return interrupt.exitCode;
    }
    // Commander has told its own already.
    if (!(error instanceof CommanderError)) io.err(`muse: ${oneLine(error)}\n`);
    const code = exitCodeOf(error);
    if (code === exitCodes.failure) showTrace(error, io);
    return code;
  } finally {
    interrupt.release();
  }
}

/** The trace of a failure that is not the user's: for bug reports, when asked for. */
function showTrace(error: unknown, io: Io): void {
  if (!io.env.MUSE_DEBUG) io.err('muse: this may be a bug; MUSE_DEBUG=1 shows where it happened\n');
  else if (error instanceof Error) io.err(`${error.stack}\n`);
}
