// npm test [workspace…]: installs what is missing, runs the tests of every workspace, ends in `N passed, N failed`.
// Turbo runs them, so what has not changed since it last passed is not run again; each leaves reports/test.json.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { install, pnpm, root } from './install.mjs';

await install();
const only = process.argv.slice(2);
const workspaces = ['packages', 'apps', 'internal']
  .flatMap((group) => readdirSync(join(root, group)).map((name) => join(group, name)))
  .filter((path) => existsSync(join(root, path, 'vitest.config.ts')))
  .filter((path) => only.length === 0 || only.some((name) => path.endsWith(`/${name}`)));
for (const path of workspaces) rmSync(join(root, path, 'reports'), { recursive: true, force: true });

const [command, ...prefix] = pnpm();
// One workspace at a time: each uses all cores by itself.
const turbo = ['exec', 'turbo', 'run', 'test', '--continue', '--concurrency=1', '--no-update-notifier'];
const filters = only.length > 0 ? workspaces.map((path) => `--filter=./${path}`) : [];
const { status } = spawnSync(command, [...prefix, ...turbo, ...filters], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
});

const total = { passed: 0, failed: 0, skipped: 0 };
for (const path of workspaces) {
  const report = join(root, path, 'reports/test.json');
  if (!existsSync(report)) {
    process.stdout.write(`${path}: no report, counted as a failure\n`);
    total.failed += 1;
    continue;
  }
  const counts = JSON.parse(readFileSync(report, 'utf8'));
  total.passed += counts.numPassedTests;
  total.failed += counts.numFailedTests;
  total.skipped += counts.numPendingTests;
  // A file that can't be loaded, or an error outside any test, has no failed test of its own.
  if (!counts.success && counts.numFailedTests === 0) total.failed += 1;
}
if (status !== 0 && total.failed === 0) total.failed += 1;
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
process.stdout.write(`\n${total.passed} passed, ${total.failed} failed${skipped}\n`);
process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
