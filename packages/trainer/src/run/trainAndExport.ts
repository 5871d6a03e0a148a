import { loopOptions } from '../makeOptimizer.js';
import type { RunSettings } from '../presets.js';
import type { RunFolder } from './runFolder.js';
import { type LoopCallbacks, runTraining, type TrainingResult } from './runTraining.js';
import type { TrainingTask } from './trainingTask.js';

/** A task whose model is of use when it is done. */
export interface ModelTask extends TrainingTask {
  /** Writes the mean weights under `model/`. */
  export(run: RunFolder): Promise<void>;
}

/** Runs a task to its end, exports its model if it got there, and disposes it in any case. */
export async function trainAndExport(
  task: ModelTask,
  run: RunFolder,
  settings: RunSettings,
  callbacks: LoopCallbacks,
): Promise<TrainingResult> {
  try {
    const result = await runTraining(task, run, loopOptions(settings), callbacks);
    if (result.status === 'done') await task.export(run);
    return result;
  } finally {
    task.dispose();
  }
}
