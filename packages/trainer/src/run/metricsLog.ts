import { type EventImage, fileVersionRecord, scalarRecord, sessionStartRecord } from '../metrics/tensorBoard.js';
import type { RunFolder } from './runFolder.js';

const METRICS_FILE = 'metrics.jsonl';

/** Writes a run's numbers twice: `metrics.jsonl`, a line per step that was read, and `events/`, for TensorBoard. */
export interface MetricsLog {
  write(
    step: number,
    scalars: Readonly<Record<string, number>>,
    images?: Readonly<Record<string, EventImage>>,
  ): Promise<void>;
}

/**
 * @param startStep steps already done: later lines (of a run that was killed) are dropped, as these steps come again
 * @param now milliseconds since 1970
 */
export async function openMetricsLog(
  run: RunFolder,
  startStep: number,
  now: () => number = Date.now,
): Promise<MetricsLog> {
  await dropLinesAfter(run, startStep);
  const openedSeconds = now() / 1000;
  const eventFile = `events/events.out.tfevents.${Math.floor(openedSeconds)}.${String(startStep).padStart(6, '0')}`;
  await run.append(eventFile, fileVersionRecord(openedSeconds));
  if (startStep > 0) await run.append(eventFile, sessionStartRecord(openedSeconds, startStep + 1));

  return {
    async write(step, scalars, images) {
      const wallTimeSeconds = now() / 1000;
      if (Object.keys(scalars).length > 0) {
        await run.append(METRICS_FILE, `${JSON.stringify({ step, time: Math.round(wallTimeSeconds), ...scalars })}\n`);
      }
      await run.append(eventFile, scalarRecord({ step, wallTimeSeconds, scalars, ...(images ? { images } : {}) }));
    },
  };
}

async function dropLinesAfter(run: RunFolder, lastStep: number): Promise<void> {
  if (!(await run.list('')).includes(METRICS_FILE)) return;
  const lines = new TextDecoder().decode(await run.read(METRICS_FILE)).split('\n');
  const kept = lines.filter((line) => {
    try {
      return (JSON.parse(line) as { step: number }).step <= lastStep;
    } catch {
      return false; // The half line that a kill leaves.
    }
  });
  await run.write(METRICS_FILE, kept.map((line) => `${line}\n`).join(''));
}
