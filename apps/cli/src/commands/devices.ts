import type { DeviceReport } from '@muse/backend';
import type { Io } from '../terminal/io.js';

export interface DevicesFlags {
  readonly json?: boolean;
  readonly install?: 'tensorflow';
}

/** `muse devices`: what can compute here, what is missing and how to get it. */
export async function devices({ json = false, install }: DevicesFlags, io: Io): Promise<void> {
  if (install !== undefined) {
    const { installTensorflow } = await import('@muse/backend/node');
    await installTensorflow({ onProgress: ({ status, detail }) => io.err(`tensorflow: ${status} ${detail}\n`) });
  }
  const { describeDevices, suitsAuto } = await import('@muse/backend');
  const reports = await describeDevices();
  const chosen = reports.find(suitsAuto)?.name;
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
