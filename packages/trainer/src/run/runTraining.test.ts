import { type Backend, ConfigError, MuseError, WeightError } from '@muse/backend';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LineTask } from '../../test/lineTask.js';
import { type MemoryRunFolder, memoryRunFolder } from '../../test/memoryRunFolder.js';
import { trainingBackend } from '../../test/trainingBackend.js';
import { adafactor } from '../optimizers/adafactor.js';
import type { Optimizer } from '../optimizers/optimizer.js';
import { listCheckpoints } from './checkpoints.js';
import { type LoopCallbacks, type LoopOptions, runTraining, type TrainingProgress } from './runTraining.js';

let backend: Backend;
let numTensors: number;
let tasks: LineTask[];
beforeAll(async () => {
  backend = await trainingBackend();
});
beforeEach(() => {
  numTensors = backend.tf.memory().numTensors;
  tasks = [];
});
afterEach(() => {
  for (const made of tasks) made.dispose();
  expect(backend.tf.memory().numTensors, 'leaked tensors').toBe(numTensors);
});

const options: LoopOptions = {
  numSteps: 6,
  seed: 0,
  schedule: { peak: 0.1, decaySteps: 6 },
  checkpointEvery: 2,
  keepEvery: 0,
  previewEvery: 0,
};
const task = (onStep?: (step: number) => number, config?: unknown, optimizer?: Optimizer) => {
  const made = new LineTask(backend, onStep, config, optimizer);
  tasks.push(made);
  return made;
};
const train = (
  made: LineTask,
  run: MemoryRunFolder,
  change: Partial<LoopOptions> = {},
  callbacks: LoopCallbacks = {},
) => runTraining(made, run, { ...options, ...change }, callbacks);
/** The same folder with something before each operation that changes it. */
const cutOff = (run: MemoryRunFolder, before: () => void): MemoryRunFolder => {
  const guard =
    <Args extends unknown[]>(operation: (...args: Args) => Promise<void>) =>
    async (...args: Args) => {
      before();
      await operation(...args);
    };
  const { write, append, rename, remove } = run;
  return { ...run, write: guard(write), append: guard(append), rename: guard(rename), remove: guard(remove) };
};
const lines = (run: MemoryRunFolder) =>
  new TextDecoder()
    .decode(run.files.get('metrics.jsonl'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number>);

describe('runTraining', () => {
  it('makes the same numbers after a crash and a resume as without, to the bit', async () => {
    const straight = task();
    await train(straight, memoryRunFolder());

    const run = memoryRunFolder();
    const crashed = task((step) => {
      if (step === 4) throw new Error('killed');
      return 1;
    });
    await expect(train(crashed, run, { checkpointEvery: 3 })).rejects.toThrow('killed');
    const resumed = task();
    const result = await train(resumed, run, { checkpointEvery: 3 });
    expect(resumed.steps).toEqual([4, 5, 6]);
    expect(result).toMatchObject({ status: 'done', step: 6 });
    expect(await resumed.bytes()).toEqual(await straight.bytes());
  });

  it('makes the same numbers when it is cut off at any operation on its folder', async () => {
    const straight = task();
    const whole = memoryRunFolder();
    let numOperations = 0;
    await train(
      straight,
      cutOff(whole, () => ++numOperations),
    );
    const expected = await straight.bytes();
    expect(numOperations).toBeGreaterThan(30);
    for (let last = 1; last < numOperations; last += 3) {
      const run = memoryRunFolder();
      let done = 0;
      const cut = cutOff(run, () => {
        if (++done > last) throw new Error('power failure');
      });
      await expect(train(task(), cut)).rejects.toThrow('power failure');
      const resumed = task();
      await train(resumed, run);
      expect(await resumed.bytes(), `after ${last} operations`).toEqual(expected);
      expect(lines(run).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it('writes one line of metrics per step, without those that a crash left behind', async () => {
    const run = memoryRunFolder();
    const crashed = task((step) => {
      if (step === 6) throw new Error('killed');
      return 1;
    });
    await expect(train(crashed, run, { checkpointEvery: 4 })).rejects.toThrow('killed');
    await run.append('metrics.jsonl', '{"step": 6, "lo');
    await train(task(), run);
    expect(lines(run).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(lines(run)[3]).toMatchObject({
      host: 4,
      learningRate: expect.any(Number),
      gradientNorm: expect.any(Number),
    });
    expect(await run.list('events')).toHaveLength(2);
  });

  it('keeps the newest two checkpoints and the multiples of keepEvery', async () => {
    const run = memoryRunFolder();
    await train(task(), run, { numSteps: 11, checkpointEvery: 2, keepEvery: 4 });
    expect(await listCheckpoints(run)).toEqual([4, 8, 10, 11]);
  });

  it('passes over a damaged newest checkpoint with a warning', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    const straight = tasks[0]!;
    const file = 'checkpoints/step-000006/line.safetensors';
    const bytes = run.files.get(file)!;
    for (const damaged of [bytes.slice(0, -1), bytes.map((byte, i) => (i === bytes.length - 3 ? byte ^ 1 : byte))]) {
      run.files.set(file, damaged);
      const warnings: string[] = [];
      const resumed = task();
      await train(resumed, run, {}, { onWarning: (message) => warnings.push(message) });
      expect(resumed.steps).toEqual([5, 6]);
      expect(warnings).toEqual([expect.stringMatching(/step-000006 in memory is damaged.*expected line\.safetensors/)]);
      expect(await resumed.bytes()).toEqual(await straight.bytes());
    }
  });

  it('passes over a checkpoint without its state, and ignores one that was never finished', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    run.files.delete('checkpoints/step-000006/state.json');
    await run.write('checkpoints/.step-000008.tmp/line.safetensors', 'half');
    const resumed = task();
    await train(resumed, run);
    expect(resumed.steps).toEqual([5, 6]);
  });

  it('does not start again over checkpoints that are all damaged', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    for (const path of run.files.keys()) if (path.endsWith('state.json')) run.files.set(path, new Uint8Array(3));
    await expect(train(task(), run)).rejects.toThrow(WeightError);
    await expect(train(task(), run)).rejects.toThrow('got 2 damaged');
  });

  it('refuses the run of another model', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    await expect(train(task(undefined, { width: 4 }), run)).rejects.toThrow(ConfigError);
    await expect(train(task(undefined, { width: 4 }), run)).rejects.toThrow('expected a run of classifier {"width":4}');
  });

  it('refuses a run with another optimizer or mean, and does not call it damaged', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    const line = 'checkpoints/step-000006';
    const state = JSON.parse(new TextDecoder().decode(run.files.get(`${line}/state.json`))) as { files: object };
    const { 'line-ema.safetensors': _, ...files } = state.files as Record<string, unknown>;
    run.files.set(`${line}/state.json`, new TextEncoder().encode(JSON.stringify({ ...state, files })));
    await expect(train(task(), run)).rejects.toThrow('same settings, got one that differs (no line-ema.safetensors)');
    await expect(train(task(undefined, undefined, adafactor()), run)).rejects.toThrow(ConfigError);
    await expect(train(task(undefined, undefined, adafactor()), run)).rejects.toThrow(
      /line-optimizer.*missing exp_avg_sq_row/,
    );
  });

  it('goes on for more steps when it is asked to', async () => {
    const run = memoryRunFolder();
    await train(task(), run);
    const more = task();
    await train(more, run, { numSteps: 8 });
    expect(more.steps).toEqual([7, 8]);
    const done = task();
    expect(await train(done, run, { numSteps: 8 })).toMatchObject({ status: 'done', step: 8 });
    expect(done.steps).toEqual([]);
  });

  it.each([1, 5])(
    'stops at a loss that is no number and keeps the last good checkpoint, reading every %d steps',
    async (readEvery) => {
      const run = memoryRunFolder();
      const broken = task((step) => (step >= 5 ? Number.NaN : 1));
      const error = await train(broken, run, { readEvery }).then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(MuseError);
      expect((error as Error).message).toMatch(
        /loss NaN.* at step 5 .*the last good checkpoint, of step 4, is in memory/,
      );
      expect(await listCheckpoints(run)).toEqual([2, 4]);
    },
  );

  it('says so when there is no good checkpoint yet', async () => {
    const broken = task(() => Number.POSITIVE_INFINITY);
    await expect(train(broken, memoryRunFolder())).rejects.toThrow('no checkpoint was saved yet');
  });

  it('saves and ends in order when it is aborted', async () => {
    const run = memoryRunFolder();
    const controller = new AbortController();
    const aborted = task((step) => {
      if (step === 3) setTimeout(() => controller.abort(), 0);
      return 1;
    });
    const result = await train(aborted, run, { checkpointEvery: 100 }, { signal: controller.signal });
    expect(result.status).toBe('aborted');
    expect(result.step).toBeGreaterThanOrEqual(3);
    expect(result.step).toBeLessThan(6);
    expect(await listCheckpoints(run)).toEqual([result.step]);
  });

  it('reports progress with speed and time left', async () => {
    const seen: TrainingProgress[] = [];
    await train(task(), memoryRunFolder(), { readEvery: 2 }, { onProgress: (progress) => seen.push(progress) });
    expect(seen.map(({ step }) => step)).toEqual([2, 4, 6]);
    for (const { imagesPerSecond, numSteps, loss, metrics } of seen) {
      expect(imagesPerSecond).toBeGreaterThan(0);
      expect(numSteps).toBe(6);
      expect(loss).toBe(metrics.loss);
    }
    expect(seen[0]!.secondsLeft).toBeGreaterThan(0);
    expect(seen.at(-1)!.secondsLeft).toBe(0);
  });

  it.each([{ numSteps: 0 }, { checkpointEvery: 1.5 }, { seed: -1 }, { previewEvery: Number.NaN }])(
    'refuses %j',
    async (change) => {
      await expect(train(task(), memoryRunFolder(), change)).rejects.toThrow(ConfigError);
    },
  );
});
