import { ConfigError, WeightError } from '@muse/backend';
import type { Tensor } from '@tensorflow/tfjs';
import { crc32c } from '../metrics/crc32c.js';
import type { RunFolder } from './runFolder.js';
import { decodeGroup, encodeGroup, otherSettings } from './tensorFiles.js';
import type { TrainingTask } from './trainingTask.js';

const CHECKPOINTS = 'checkpoints';
const STATE_FILE = 'state.json';
const FORMAT_VERSION = 1;

/** `state.json` of a checkpoint. */
interface CheckpointState {
  readonly format: 'muse-run';
  readonly formatVersion: number;
  readonly kind: string;
  /** Optimizer steps done. */
  readonly step: number;
  readonly seed: number;
  readonly modelConfig: unknown;
  /** CRC-32C of each file beside this one: a half-written or flipped one is noticed. */
  readonly files: Readonly<Record<string, { readonly sizeBytes: number; readonly crc32c: number }>>;
}

export function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, '0')}`;
}

/** Steps of the checkpoints in a run folder, ascending. */
export async function listCheckpoints(run: RunFolder): Promise<number[]> {
  const names = await run.list(CHECKPOINTS);
  return names
    .map((name) => /^step-(\d{6,})$/.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .sort((a, b) => a - b);
}

/**
 * Writes `checkpoints/step-XXXXXX/`, a safetensors file per group and state.json, under a temporary name and renames it:
 * a folder of the final name is always whole.
 */
export async function saveCheckpoint(task: TrainingTask, run: RunFolder, step: number, seed: number): Promise<void> {
  const target = `${CHECKPOINTS}/${checkpointName(step)}`;
  const temporary = `${CHECKPOINTS}/.${checkpointName(step)}.tmp`;
  await run.remove(temporary);
  const files: Record<string, { sizeBytes: number; crc32c: number }> = {};
  for (const group of task.groups()) {
    const bytes = await encodeGroup(task.backend, group);
    files[`${group.name}.safetensors`] = { sizeBytes: bytes.length, crc32c: crc32c(bytes) };
    await run.write(`${temporary}/${group.name}.safetensors`, bytes);
  }
  const state: CheckpointState = {
    format: 'muse-run',
    formatVersion: FORMAT_VERSION,
    kind: task.kind,
    step,
    seed,
    modelConfig: task.modelConfig,
    files,
  };
  await run.write(`${temporary}/${STATE_FILE}`, `${JSON.stringify(state, null, 2)}\n`);
  await run.remove(target); // Only a damaged one can be there: a sound one would have been resumed from.
  await run.rename(temporary, target);
}

/** Removes all checkpoints but the newest `keepLast` and the multiples of `keepEvery` (0: none). */
export async function pruneCheckpoints(run: RunFolder, keepLast: number, keepEvery: number): Promise<void> {
  const steps = await listCheckpoints(run);
  for (const step of steps.slice(0, Math.max(0, steps.length - keepLast))) {
    const isKept = keepEvery > 0 && step % keepEvery === 0;
    if (!isKept) await run.remove(`${CHECKPOINTS}/${checkpointName(step)}`);
  }
}

/**
 * Restores a task from the newest sound checkpoint of the folder. A damaged one is passed over with a warning.
 *
 * @returns steps done; 0 if there is no checkpoint
 * @throws ConfigError if a sound checkpoint is of another kind or model, WeightError if there are checkpoints but no sound one
 */
export async function latestCheckpoint(
  task: TrainingTask,
  run: RunFolder,
  onWarning: (message: string) => void,
): Promise<number> {
  const steps = await listCheckpoints(run);
  for (const step of steps.toReversed()) {
    try {
      await restore(task, run, step);
      return step;
    } catch (error) {
      if (error instanceof ConfigError) throw error;
      onWarning(
        `checkpoint ${checkpointName(step)} in ${run.location} is damaged and is passed over: ${(error as Error).message}`,
      );
    }
  }
  if (steps.length > 0) {
    throw new WeightError(
      { package: 'trainer', in: 'latestCheckpoint' },
      `expected a sound checkpoint in ${run.location}, got ${steps.length} damaged; remove its folder checkpoints to start again`,
    );
  }
  return 0;
}

async function restore(task: TrainingTask, run: RunFolder, step: number): Promise<void> {
  const folder = `${CHECKPOINTS}/${checkpointName(step)}`;
  const state = JSON.parse(new TextDecoder().decode(await run.read(`${folder}/${STATE_FILE}`))) as CheckpointState;
  assertSameModel(task, run, state);
  const restored: [target: Map<string, Tensor>, tensors: Map<string, Tensor>][] = [];
  try {
    for (const group of task.groups()) {
      const name = `${group.name}.safetensors`;
      const expected = state.files[name];
      if (!expected) throw otherSettings(`no ${name}`);
      const bytes = await run.read(`${folder}/${name}`);
      if (bytes.length !== expected.sizeBytes || crc32c(bytes) !== expected.crc32c) {
        throw new WeightError(
          { package: 'trainer', in: 'restore' },
          `expected ${name} of ${expected.sizeBytes} bytes and its checksum, got ${bytes.length} bytes`,
        );
      }
      restored.push([group.tensors, await decodeGroup(task.backend, group, name, bytes)]);
    }
  } catch (error) {
    for (const [, tensors] of restored) task.backend.tf.dispose([...tensors.values()]);
    throw error;
  }
  // All files are sound: only now does the task change.
  for (const [target, tensors] of restored) {
    for (const [name, tensor] of tensors) {
      target.get(name)?.dispose();
      target.set(name, tensor);
    }
  }
}

function assertSameModel(task: TrainingTask, run: RunFolder, state: CheckpointState): void {
  const place = { package: 'trainer', in: `train ${task.kind}` };
  if (state.format !== 'muse-run' || state.formatVersion !== FORMAT_VERSION) {
    throw new ConfigError(
      place,
      `expected a run of format ${FORMAT_VERSION} in ${run.location}, got ${state.format} ${state.formatVersion}`,
    );
  }
  const expected = JSON.stringify(task.modelConfig);
  const got = JSON.stringify(state.modelConfig);
  if (state.kind !== task.kind || got !== expected) {
    throw new ConfigError(
      place,
      `expected a run of ${task.kind} ${expected} in ${run.location}, got ${state.kind} ${got}; give another folder`,
    );
  }
}
