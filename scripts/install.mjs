// Brings the working tree to where its commands run: the pinned pnpm, dependencies, build. Node's own modules only.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Runs a command with the terminal's streams; ends this process with its exit code if it fails. */
export function run(command, args, options = {}) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) fail(`could not run ${command}: ${error.message}`);
  if (signal) process.exit(130);
  if (status !== 0) process.exit(status ?? 1);
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

/** The pinned pnpm: the one on PATH if it is that version, else through npm's own runner. */
export function pnpm() {
  const version = manifest.packageManager.split('@')[1];
  const found = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8' });
  if (found.status === 0 && found.stdout.trim() === version) return ['pnpm'];
  return ['npm', 'exec', '--yes', '--package', `pnpm@${version}`, '--', 'pnpm'];
}

export function runPnpm(args, options) {
  const [command, ...prefix] = pnpm();
  run(command, [...prefix, ...args], options);
}

/** Newest modification time below a folder, in ms. */
function newestTime(folder, skip) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (skip.has(entry.name)) continue;
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestTime(path, skip) : statSync(path).mtimeMs);
  }
  return newest;
}

/** True when something under `folders` is newer than the stamp that the last success left. */
function isStale(stamp, folders) {
  if (!existsSync(stamp)) return true;
  const then = statSync(stamp).mtimeMs;
  const skip = new Set(['node_modules', 'dist', '.turbo', 'model', 'assets']);
  return folders.some((path) => {
    const absolute = join(root, path);
    return (statSync(absolute).isDirectory() ? newestTime(absolute, skip) : statSync(absolute).mtimeMs) > then;
  });
}

/** Says what it does on stderr; does nothing (in some milliseconds) when all is there. */
export function install({ quiet = false } = {}) {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Node 20.19 or newer is needed, this is ${process.versions.node}. See https://nodejs.org`);
  }
  const say = (text) => quiet || process.stderr.write(`${text}\n`);
  const toStderr = { stdio: ['ignore', 2, 2] };
  const installed = join(root, 'node_modules/.muse-installed');
  if (isStale(installed, ['pnpm-lock.yaml', 'package.json'])) {
    say('Installing dependencies (once, about a minute) …');
    runPnpm(['install', '--frozen-lockfile', '--reporter=append-only'], toStderr);
    writeFileSync(installed, '');
  }
  const built = join(root, 'node_modules/.muse-built');
  if (isStale(built, ['packages', 'apps', 'tsconfig.base.json'])) {
    say('Building …');
    runPnpm(['exec', 'turbo', 'run', 'build', '--output-logs=errors-only', '--no-update-notifier'], toStderr);
    writeFileSync(built, '');
  }
}

// Run by itself: `node scripts/install.mjs`.
if (process.argv[1] === fileURLToPath(import.meta.url)) install();
