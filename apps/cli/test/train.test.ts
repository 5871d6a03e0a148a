import { existsSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend } from '@muse/backend';
import { decodePng, encodePng } from '@muse/muse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunOptions, runMuse } from './runMuse.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-train-'));
  device = await createBackend({ device: 'tensorflow' }).then(
    () => 'tensorflow',
    () => 'cpu',
  );
});
afterAll(() => rm(folder, { recursive: true }));

/** libtensorflow where it is; plain JavaScript has every gradient as well and is everywhere, only slowly. */
let device: string;
const train = (args: readonly string[], options?: Partial<RunOptions>) =>
  runMuse(['train', ...args, '--preset', 'tiny', '--device', device, '--batch-size', '2'], { cwd: folder, ...options });

/** The step of a run's last checkpoint, also of one that is being written; 0 if there is none. */
function lastCheckpoint(run: string): number {
  const path = join(folder, run, 'checkpoints');
  const names = existsSync(path) ? readdirSync(path) : [];
  return Math.max(0, ...names.map((name) => Number(/step-(\d+)/.exec(name)?.[1] ?? 0)));
}

/** Sends SIGKILL as soon as the condition holds, from the first line that the process writes. */
function killOnce(isTime: () => boolean): RunOptions['onStderr'] {
  let timer: NodeJS.Timeout | undefined;
  return (_, child) => {
    if (timer) return;
    timer = setInterval(() => isTime() && child.kill('SIGKILL'), 1);
    child.once('close', () => clearInterval(timer));
  };
}

describe('muse train', () => {
  it('trains a tokenizer, then a base on it, and the model generates', async () => {
    const tokenizer = await train(['tokenizer', '--steps', '3', '--preview-every', '3']);
    expect(tokenizer.code, tokenizer.stderr).toBe(0);
    expect(tokenizer.stdout).toMatch(/^runs\/tokenizer\/model {2}3 steps, loss [\d.]+\n$/);
    expect(tokenizer.stderr).toContain(`Device ${device}`);
    const lines = (await readFile(join(folder, 'runs/tokenizer/metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).step)).toContain(3);
    const [preview] = await readdir(join(folder, 'runs/tokenizer/previews'));
    expect(decodePng(await readFile(join(folder, 'runs/tokenizer/previews', preview!))).width).toBeGreaterThan(0);

    const base = await train(['base', '--steps', '2', '--pool-size', '8', '--preview-every', '0', '--json', '--quiet']);
    expect(base.code, base.stderr).toBe(0);
    expect(JSON.parse(base.stdout)).toMatchObject({
      status: 'done',
      run: 'runs/base',
      model: 'runs/base/model',
      step: 2,
    });

    const args = ['generate', 'a cat', '--model', 'runs/base/model', '--seed', '1', '--steps', '2', '--device', 'wasm'];
    const made = await runMuse(args, { cwd: folder });
    expect(made.code, made.stderr).toBe(0);
    expect(decodePng(await readFile(join(folder, 'a-cat-1.png'))).width).toBe(16);
  });

  it('trains on images of the user, and names those that it cannot use', async () => {
    const photos = join(folder, 'photos');
    await mkdir(photos);
    for (let i = 0; i < 5; i++) {
      const data = Uint8ClampedArray.from({ length: 20 * 18 * 4 }, (_, at) =>
        at % 4 === 3 ? 255 : (at * (i + 7)) % 256,
      );
      await writeFile(join(photos, `${i}.png`), encodePng({ width: 20, height: 18, data }));
      await writeFile(join(photos, `${i}.txt`), `photo number ${i}`);
    }
    const runs = ['--data', 'photos', '--preview-every', '0', '--no-perceptual'];
    const tokenizer = await train(['tokenizer', '--run', 'own-tokenizer', '--steps', '2', ...runs]);
    expect(tokenizer.code, tokenizer.stderr).toBe(0);
    const base = ['base', '--run', 'own-base', '--tokenizer', 'own-tokenizer/model', '--steps', '2'];
    const trained = await train([...base, '--data', 'photos', '--preview-every', '0']);
    expect(trained.code, trained.stderr).toBe(0);
    await writeFile(join(photos, '3.png'), 'no image');
    await rm(join(photos, '1.txt'));
    const bad = await train(['base', '--tokenizer', 'own-tokenizer/model', '--run', 'bad', '--data', 'photos']);
    expect(bad.code, bad.stderr).toBe(2);
    const message = bad.stderr.trimEnd().split('\n').at(-1);
    expect(message).toMatch(/^muse: .*2 bad: /);
    expect(message).toContain('1.png');
    expect(message).toContain('3.png');
  });

  it('trains a classifier', async () => {
    const args = ['train', 'classifier', '--steps', '1', '--batch-size', '2', '--device', device];
    const { code, stdout, stderr } = await runMuse(args, { cwd: folder });
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^runs\/classifier\/model {2}1 steps/);
    expect(await readdir(join(folder, 'runs/classifier/model/classifier'))).toEqual([
      'config.json',
      'model.safetensors',
    ]);
  });

  it('stops on Ctrl-C with a checkpoint, and the same command goes on from there', async () => {
    const args = ['tokenizer', '--run', 'stopped', '--steps', '100000', '--preview-every', '0'];
    let isSent = false;
    const stopped = await train(args, {
      onStderr: (stderr, child) => {
        if (isSent || !stderr.includes('Step ')) return;
        isSent = true;
        child.kill('SIGINT');
      },
    });
    expect(stopped.code, stopped.stderr).toBe(130);
    const step = Number(/Stopped at step (\d+); the same command goes on from there/.exec(stopped.stderr)![1]);
    expect(step).toBeGreaterThan(0);
    expect(await readdir(join(folder, 'stopped/checkpoints'))).toEqual([`step-${String(step).padStart(6, '0')}`]);
    const more = ['tokenizer', '--run', 'stopped', '--steps', String(step + 1), '--preview-every', '0', '--json'];
    const resumed = await train(more);
    expect(resumed.code, resumed.stderr).toBe(0);
    const log = (await readFile(join(folder, 'stopped/metrics.jsonl'), 'utf8')).trimEnd().split('\n');
    const steps = log.map((line) => JSON.parse(line).step);
    // Nothing was done twice.
    expect(steps).toEqual(Array.from({ length: step + 1 }, (_, i) => i + 1));
  });

  it('goes on to the same bytes after the process is killed, at whatever it was doing', async () => {
    // A checkpoint at every step, so that many of the moments fall into the writing of one.
    const args = ['--steps', '24', '--checkpoint-every', '1', '--preview-every', '0'];
    const whole = await train(['tokenizer', '--run', 'whole', ...args]);
    expect(whole.code, whole.stderr).toBe(0);
    for (const killAt of [3, 8, 14, 19]) {
      const killed = await train(['tokenizer', '--run', 'killed', ...args], {
        onStderr: killOnce(() => lastCheckpoint('killed') >= killAt),
      });
      expect(killed.code, `was not killed at step ${killAt}: ${killed.stderr}`).toBeNull();
    }
    const resumed = await train(['tokenizer', '--run', 'killed', ...args]);
    expect(resumed.code, resumed.stderr).toBe(0);
    const weights = (run: string) => readFile(join(folder, run, 'model/vqgan/model.safetensors'));
    expect(await weights('killed')).toEqual(await weights('whole'));
  }, 300_000);

  it.each([
    [['vqgan'], 'Allowed choices are tokenizer, base, super-res, classifier.'],
    [['base', '--tokenizer', 'absent'], 'absent'],
    [['tokenizer', '--steps', '0'], 'Expected an integer of at least 1.'],
    [['tokenizer', '--optimizer', 'sgd'], 'Allowed choices are adam, adamW, adafactor.'],
    [['tokenizer', '--run', 'a-file/run'], 'a-file'],
  ])('refuses %j in one line', async (args, message) => {
    await writeFile(join(folder, 'a-file'), '');
    const { code, stdout, stderr } = await train(args);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^muse: /);
    expect(stderr).toContain(message);
  });
});
