import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What this benchmark keeps from run to run, outside the tree: a Python environment, a model. */
export const cacheFolder = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muse', 'bench');

const requirements = fileURLToPath(new URL('../python/requirements.txt', import.meta.url));
/** PyTorch without CUDA, a tenth of the size. */
const CPU_WHEELS = 'https://download.pytorch.org/whl/cpu';

/**
 * A Python with PyTorch and diffusers: the given one, or that of a virtual environment, which is made when there is none yet
 * (1.2 GB).
 *
 * @param {string} [given] path of an interpreter
 */
export function pythonWithDiffusers(given) {
  if (given) {
    if (hasDiffusers(given)) return given;
    throw new Error(
      `[bench] expected ${given} to import torch and diffusers.AmusedPipeline, got an error (${requirements})`,
    );
  }
  const environment = join(cacheFolder, 'python');
  const python = join(environment, 'bin', 'python');
  if (existsSync(python) && hasDiffusers(python)) return python;
  process.stderr.write(`PyTorch and diffusers to ${environment} (some minutes) …\n`);
  runPython('python3', ['-m', 'venv', '--clear', environment]);
  runPython(python, ['-m', 'pip', 'install', '--quiet', '--extra-index-url', CPU_WHEELS, '-r', requirements]);
  return python;
}

function hasDiffusers(python) {
  return spawnSync(python, ['-c', 'import torch; from diffusers import AmusedPipeline']).status === 0;
}

/** @throws when the command fails, which has said why */
export function runPython(python, args) {
  const { status, error } = spawnSync(python, args, { stdio: ['ignore', 2, 2] });
  if (status !== 0)
    throw new Error(`[bench] expected ${python} ${args.join(' ')} to work, got ${error ?? `exit code ${status}`}`);
}
