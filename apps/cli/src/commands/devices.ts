import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import type { DeviceReport } from '@muse/backend';
import { UsageError } from '../errors.js';
import type { Io } from '../terminal/io.js';

export interface DevicesFlags {
  readonly json?: boolean;
  readonly install?: 'tensorflow';
}

/** `muse devices`: what can compute here, what is missing and how to get it. */
export async function devices({ json = false, install }: DevicesFlags, io: Io, signal: AbortSignal): Promise<void> {
  if (install !== undefined) await installTensorflow(io, signal);
  const { describeDevices } = await import('@muse/backend');
  const reports = await describeDevices();
  const chosen = reports.find(({ isAvailable }) => isAvailable)?.name;
  if (json) {
    io.out(`${JSON.stringify({ auto: chosen, devices: reports }, null, 2)}\n`);
    return;
  }
  for (const report of reports) io.out(describe(report, report.name === chosen));
}

function describe({ name, isAvailable, detail, howToGet }: DeviceReport, isChosen: boolean): string {
  const state = isAvailable ? 'there  ' : 'missing';
  const line = `${name.padEnd(10)}  ${state}  ${detail}${isChosen ? '  (auto takes this)' : ''}\n`;
  return howToGet === undefined ? line : `${line}${' '.repeat(21)}to get it: ${howToGet}\n`;
}

/**
 * Downloads libtensorflow for tfjs-node and builds or fetches its binding, with tfjs-node's own installer: package
 * managers don't run it unasked. Some 200 MB.
 */
async function installTensorflow(io: Io, signal: AbortSignal): Promise<void> {
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch (cause) {
    throw new UsageError('@tensorflow/tfjs-node is not installed: npm install @tensorflow/tfjs-node@4.22.0', { cause });
  }
  io.err(`Installing libtensorflow into ${folder} …\n`);
  // Through npm, which puts the installer's own tools on the PATH.
  const child = spawn('npm', ['run', 'install'], {
    cwd: folder,
    // stdout is for results alone.
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
    signal,
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code !== 0) throw new Error(`the installer of tfjs-node ended with exit code ${code}: see its messages above`);
}
