// pnpm check: lint and format, layers, build and types, publint and are-the-types-wrong on each packed package, knip.
// One line for each; what failed is printed below its line. All run, whatever fails.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { checkLayers } from './checkLayers.mjs';
import { pnpm, root } from './install.mjs';

/** Runs a command of the workspace; gives its output, and throws it when the command fails. */
function output(command, args, cwd = root) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, TURBO_TELEMETRY_DISABLED: '1', NO_COLOR: '1', FORCE_COLOR: '0' };
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      shell: process.platform === 'win32',
    });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(text) : reject(new Error(text.trim() || `exit code ${code}`))));
  });
}

const tool = (name, args, cwd) => output(join(root, 'node_modules/.bin', name), args, cwd);
const [command, ...prefix] = pnpm();

/** Prints the check's line; true when it held. */
async function check(name, action) {
  const start = performance.now();
  let problem;
  try {
    await action();
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`${problem === undefined ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)\n`);
  if (problem !== undefined) process.stdout.write(`${problem.replace(/^/gm, '    ')}\n`);
  return problem === undefined;
}

const published = ['packages', 'apps']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(root, group, name)))
  .filter((folder) => existsSync(join(folder, 'package.json')))
  .map((folder) => ({ folder, manifest: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) }))
  .filter(({ manifest }) => !manifest.private);

/** publint for all, are-the-types-wrong for those with types: on what pnpm would publish, not on the folder. */
async function checkPackage({ folder, manifest }) {
  const packed = mkdtempSync(join(tmpdir(), 'muse-check-'));
  try {
    await output(command, [...prefix, 'pack', '--pack-destination', packed], folder);
    const tarball = join(packed, readdirSync(packed)[0]);
    const problems = [];
    const collect = (promise) => promise.catch((error) => problems.push(error.message));
    await collect(tool('publint', ['run', tarball, '--strict']));
    const hasTypes = Object.values(manifest.exports ?? {}).some(
      (entry) => typeof entry === 'object' && 'types' in entry,
    );
    if (hasTypes) await collect(tool('attw', [tarball, '--profile', 'esm-only', '--no-emoji', '--no-color']));
    if (problems.length > 0) throw new Error(problems.join('\n'));
  } finally {
    rmSync(packed, { recursive: true, force: true });
  }
}

const results = [
  await check('lint and format', () => tool('biome', ['check', '--error-on-warnings', '--diagnostic-level=warn', '.'])),
  await check('layers', () => {
    const breaches = checkLayers(root);
    if (breaches.length > 0) throw new Error(breaches.join('\n'));
  }),
  // Through pnpm, which turbo looks for on PATH.
  await check('build and types', () =>
    output(command, [
      ...[...prefix, 'exec', 'turbo', 'run', 'build', 'types'],
      ...['--continue', '--concurrency=100%', '--output-logs=errors-only', '--no-update-notifier'],
    ]),
  ),
];
for (const workspace of published) {
  results.push(await check(`package ${basename(workspace.folder)}`, () => checkPackage(workspace)));
}
results.push(await check('knip', () => tool('knip', ['--no-progress'])));

const failed = results.filter((held) => !held).length;
process.stdout.write(`\n${results.length - failed} checks hold, ${failed} failed\n`);
process.exit(failed === 0 ? 0 : 1);
