// Brings the working tree to where its commands run: the pinned pnpm, dependencies, build. Node's own modules only.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

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

/**
 * Runs pnpm out of sight: one line says what goes on and for how long; its output is shown only if it fails.
 */
async function runPnpm(what, args) {
  const [command, ...prefix] = pnpm();
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  const isTerminal = process.stderr.isTTY;
  process.stderr.write(isTerminal ? what : `${what}\n`);
  const timer = isTerminal && setInterval(() => process.stderr.write(`\r${what} ${seconds()} s`), 1000);
  const child = spawn(command, [...prefix, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => (output += bytes));
  const [code, signal] = await new Promise((resolve) => {
    child.on('error', (error) => resolve([`could not run ${command}: ${error.message}`]));
    child.on('close', (...end) => resolve(end));
  });
  clearInterval(timer);
  if (isTerminal) process.stderr.write(`\r${what} ${seconds()} s\n`);
  if (signal) process.exit(130);
  if (code !== 0) fail(`${output}\n${what} failed (${code})`);
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
  const skip = new Set(['node_modules', 'dist', '.turbo', 'reports', 'model', 'assets']);
  return folders.some((path) => {
    const absolute = join(root, path);
    return (statSync(absolute).isDirectory() ? newestTime(absolute, skip) : statSync(absolute).mtimeMs) > then;
  });
}

/** Does nothing, in some milliseconds, when all is there. */
export async function install() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    fail(`Node 20.19 or newer is needed, this is ${process.versions.node}. See https://nodejs.org`);
  }
  const installed = join(root, 'node_modules/.muse-installed');
  if (isStale(installed, ['pnpm-lock.yaml', 'package.json'])) {
    await runPnpm('Installing dependencies (about a minute) …', ['install', '--frozen-lockfile']);
    writeFileSync(installed, '');
  }
  const built = join(root, 'node_modules/.muse-built');
  if (isStale(built, ['packages', 'apps', 'tsconfig.base.json'])) {
    await runPnpm('Building (about a minute) …', ['exec', 'turbo', 'run', 'build', '--output-logs=errors-only']);
    writeFileSync(built, '');
  }
}

// Run by itself: `node scripts/install.mjs`.
if (process.argv[1] === fileURLToPath(import.meta.url)) await install();
