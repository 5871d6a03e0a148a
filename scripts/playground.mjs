// npm run playground [-- options of vite]: installs what is missing and opens the page while it can be worked on.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { install, pnpm, root } from './install.mjs';

await install();
const [command, ...prefix] = pnpm();
const args = [...prefix, 'exec', 'vite', '--open', ...process.argv.slice(2)];
const child = spawn(command, args, { cwd: join(root, 'apps/playground'), stdio: 'inherit' });
// Ctrl-C reaches the child by itself.
process.on('SIGINT', () => {});
child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
