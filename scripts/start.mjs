// npm start -- "a prompt" [options of `muse generate`]; a first word that is a command (devices, train, …) runs that.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { commands } from './commands.mjs';
import { install, root } from './install.mjs';

const args = process.argv.slice(2);
await install();
const isCommand = commands.includes(args[0]) || args[0] === '--help' || args[0] === '--version';
const muse = join(root, 'apps/cli/dist/muse.js');
const child = spawn(process.execPath, [muse, ...(isCommand ? args : ['generate', ...args])], {
  cwd: process.env.INIT_CWD ?? root,
  stdio: 'inherit',
});
// Ctrl-C reaches the child by itself; it decides how to end.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(signal ? 130 : (code ?? 1)));
