import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend } from '@muse/backend';
import { writeTinyCascade, writeTinyModel } from '@muse/tiny-model';

/** The built command, as it is published. */
export const museJs = fileURLToPath(new URL('../dist/muse.js', import.meta.url));

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  /** Command and arguments that come before `node`. */
  readonly wrapper?: readonly string[];
  /** Called with all of stdout so far. */
  readonly onStdout?: (stdout: string, child: ChildProcess) => void;
  readonly onStderr?: (stderr: string, child: ChildProcess) => void;
}

/** Runs `muse` as a user would, without a terminal. */
export function runMuse(args: readonly string[], options: RunOptions): Promise<Run> {
  if (!existsSync(museJs)) throw new Error('the command is not built: pnpm build');
  const { cwd, env, wrapper = [], onStdout, onStderr } = options;
  const [command, ...rest] = [...wrapper, process.execPath, museJs, ...args] as [string, ...string[]];
  const child = spawn(command, rest, {
    cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, TERM: 'dumb', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onStdout?.(stdout, child);
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    onStderr?.(stderr, child);
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

/** A folder to run in, with a tiny model at `model`, and one of two stages at `cascade`. */
export interface Workplace {
  readonly folder: string;
  readonly model: string;
  readonly cascade: string;
  /** Runs in the folder; with the tiny model on WebAssembly, which is everywhere, unless told otherwise. */
  run(args: readonly string[], options?: Partial<RunOptions>): Promise<Run>;
  remove(): Promise<void>;
}

export async function makeWorkplace(): Promise<Workplace> {
  const root = await mkdtemp(join(tmpdir(), 'muse-cli-'));
  const folder = await mkdtemp(join(root, 'work-'));
  const model = join(root, 'model');
  const cascade = join(root, 'cascade');
  const backend = await createBackend({ device: 'wasm' });
  await writeTinyModel(backend, model);
  await writeTinyCascade(backend, cascade);
  return {
    folder,
    model,
    cascade,
    run: (args, options) => {
      const defaults = { '--model': model, '--device': 'wasm' };
      const added = Object.entries(defaults).filter(([option]) => !args.includes(option));
      return runMuse([...args, ...added.flat()], { cwd: folder, ...options });
    },
    remove: () => rm(root, { recursive: true }),
  };
}
