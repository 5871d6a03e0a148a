import { ConfigError, MuseError } from '@muse/backend';
import type { Scalar, TensorContainer } from '@tensorflow/tfjs';
import type { StepScalars } from '../meanScalars.js';
import { type LearningRateSchedule, learningRateAt } from '../schedule.js';
import { latestCheckpoint, pruneCheckpoints, saveCheckpoint } from './checkpoints.js';
import { type MetricsLog, openMetricsLog } from './metricsLog.js';
import { Pace } from './pace.js';
import type { RunFolder } from './runFolder.js';
import type { TrainingTask } from './trainingTask.js';

export interface TrainingProgress {
  /** Steps done. */
  readonly step: number;
  readonly numSteps: number;
  readonly loss: number;
  /** In [0, 1]; absent where the task has none. */
  readonly accuracy?: number;
  readonly imagesPerSecond: number;
  readonly secondsLeft: number;
  readonly learningRate: number;
  /** All numbers of the step, as in metrics.jsonl. */
  readonly metrics: Readonly<Record<string, number>>;
}

export interface LoopOptions {
  readonly numSteps: number;
  readonly seed: number;
  readonly schedule: LearningRateSchedule;
  /** Steps between checkpoints. */
  readonly checkpointEvery: number;
  /** Checkpoints at multiples of this stay; the others but the newest two go. 0 keeps the newest two alone. */
  readonly keepEvery: number;
  /** Steps between preview pictures; 0 for none. */
  readonly previewEvery: number;
  /** Steps between two reads of the loss; a read waits for the device. Default 1, on a GPU 10. */
  readonly readEvery?: number;
}

export interface LoopCallbacks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TrainingProgress) => void;
  /** One line for people, e.g. about a damaged checkpoint. */
  readonly onWarning?: (message: string) => void;
}

export interface TrainingResult {
  /** `aborted`: the signal stopped it; a checkpoint of this step was saved. */
  readonly status: 'done' | 'aborted';
  readonly step: number;
  /** Numbers of the last step that was read. */
  readonly metrics: Readonly<Record<string, number>>;
}

/** Newest checkpoints that always stay. */
const KEEP_LAST = 2;

/**
 * Runs a task from the newest checkpoint of the run folder (or from the start) to `numSteps`, and leaves metrics,
 * previews and checkpoints there. A run that was killed at any moment and started again makes the same parameters as
 * one that was not, to the bit, on devices that are deterministic.
 *
 * @throws MuseError if a loss or gradient is not finite; the newest checkpoint is the last good one
 * @throws ConfigError if the folder holds a run of another model
 */
export async function runTraining(
  task: TrainingTask,
  run: RunFolder,
  options: LoopOptions,
  { signal, onProgress, onWarning = () => {} }: LoopCallbacks = {},
): Promise<TrainingResult> {
  checkOptions(task, options);
  const { numSteps, checkpointEvery, previewEvery } = options;
  const readEvery = options.readEvery ?? (task.backend.capabilities.isGpu ? 10 : 1);
  const startStep = await latestCheckpoint(task, run, onWarning);
  const log = await openMetricsLog(run, startStep);
  const pace = new Pace(task.imagesPerStep);
  const pending: PendingStep[] = [];
  let savedStep = startStep;
  let metrics: Record<string, number> = {};
  let step = startStep;

  const save = async () => {
    await saveCheckpoint(task, run, step, options.seed);
    await pruneCheckpoints(run, KEEP_LAST, options.keepEvery);
    savedStep = step;
  };
  try {
    while (step < numSteps && !signal?.aborted) {
      step++;
      const learningRate = learningRateAt(options.schedule, step);
      pending.push({ step, learningRate, scalars: await task.step({ step, learningRate }) });
      const isDue = (every: number) => every > 0 && (step % every === 0 || step === numSteps);
      if (pending.length >= readEvery || isDue(checkpointEvery) || isDue(previewEvery)) {
        const count = pending.length;
        metrics = await readPending(task, run, pending, log, savedStep);
        await task.backend.checkErrors();
        pace.add(count);
        onProgress?.(progressOf(metrics, numSteps, step, learningRate, pace));
      }
      if (isDue(checkpointEvery)) await save();
      if (isDue(previewEvery)) await writePreview(task, run, step, log);
      // The native device computes on this thread: without a turn of the event loop no signal would ever arrive.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (pending.length > 0) metrics = await readPending(task, run, pending, log, savedStep);
    if (step > savedStep) await save();
  } finally {
    for (const { scalars } of pending) task.backend.tf.dispose(scalars as TensorContainer);
  }
  return { status: step < numSteps ? 'aborted' : 'done', step, metrics };
}

interface PendingStep {
  readonly step: number;
  readonly learningRate: number;
  readonly scalars: StepScalars;
}

/** Brings the numbers of the steps since the last read to the host, checks and logs them; returns those of the newest. */
async function readPending(
  task: TrainingTask,
  run: RunFolder,
  pending: PendingStep[],
  log: MetricsLog,
  savedStep: number,
): Promise<Record<string, number>> {
  const { tf } = task.backend;
  let metrics: Record<string, number> = {};
  while (pending.length > 0) {
    const { step, learningRate, scalars } = pending[0]!;
    const onDevice = Object.values(scalars).filter((value) => typeof value !== 'number');
    const stacked = tf.stack<Scalar>(onDevice);
    const values = [...(await stacked.data())];
    tf.dispose([stacked, ...onDevice]);
    pending.shift();
    metrics = { learningRate };
    for (const [name, value] of Object.entries(scalars)) {
      metrics[name] = typeof value === 'number' ? value : values.shift()!;
    }
    const broken = Object.keys(metrics).filter((name) => !Number.isFinite(metrics[name]));
    if (broken.length > 0) {
      const kept = savedStep > 0 ? `the last good checkpoint, of step ${savedStep}, is` : 'no checkpoint was saved yet';
      throw new MuseError(
        { package: 'trainer', in: `train ${task.kind}` },
        `expected finite numbers, got ${broken.map((name) => `${name} ${metrics[name]}`).join(', ')} at step ${step} ` +
          `(learning rate ${learningRate.toPrecision(3)}); ${kept} in ${run.location}; try a lower learning rate`,
      );
    }
    await log.write(step, metrics);
  }
  return metrics;
}

async function writePreview(task: TrainingTask, run: RunFolder, step: number, log: MetricsLog): Promise<void> {
  const preview = await task.preview?.(step);
  if (!preview) return;
  for (const [name, { png }] of Object.entries(preview.images)) {
    await run.write(`previews/${name}-${String(step).padStart(6, '0')}.png`, png);
  }
  await log.write(step, preview.scalars ?? {}, preview.images);
}

function progressOf(
  metrics: Readonly<Record<string, number>>,
  numSteps: number,
  step: number,
  learningRate: number,
  pace: Pace,
): TrainingProgress {
  const accuracy = metrics.accuracy;
  return {
    step,
    numSteps,
    loss: metrics.loss!,
    ...(accuracy === undefined ? {} : { accuracy }),
    imagesPerSecond: pace.imagesPerSecond,
    secondsLeft: (numSteps - step) * pace.secondsPerStep,
    learningRate,
    metrics,
  };
}

function checkOptions(
  task: TrainingTask,
  { numSteps, checkpointEvery, keepEvery, previewEvery, readEvery = 1, seed }: LoopOptions,
): void {
  const isCount = (value: number, least: number) => Number.isInteger(value) && value >= least;
  const isValid =
    isCount(numSteps, 1) &&
    isCount(checkpointEvery, 1) &&
    isCount(keepEvery, 0) &&
    isCount(previewEvery, 0) &&
    isCount(readEvery, 1) &&
    isCount(seed, 0);
  if (!isValid) {
    throw new ConfigError(
      { package: 'trainer', in: `train ${task.kind}` },
      `expected whole numbers, numSteps, checkpointEvery and readEvery ≥ 1, keepEvery, previewEvery and seed ≥ 0, got ${JSON.stringify({ numSteps, checkpointEvery, keepEvery, previewEvery, readEvery, seed })}`,
    );
  }
}
