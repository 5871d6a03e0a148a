import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackend } from '@muse/backend';
import { decodePng, encodePng } from '@muse/muse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMuse } from './runMuse.js';

let folder: string;
/** libtensorflow where it is; plain JavaScript has every gradient as well and is everywhere, only slowly. */
let device: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-train-super-res-'));
  device = await createBackend({ device: 'tensorflow' }).then(
    () => 'tensorflow',
    () => 'cpu',
  );
  await train('tokenizer', '--steps', '2', '--no-perceptual');
  await train('tokenizer', '--steps', '2', '--no-perceptual', '--image-size', '32', '--run', 'runs/fine-tokenizer');
  await train('base', '--steps', '1', '--pool-size', '4');
}, 300_000); // three processes
afterAll(() => rm(folder, { recursive: true }));

async function run(...args: string[]) {
  const common = ['--preset', 'tiny', '--device', device, '--batch-size', '2', '--preview-every', '0'];
  return runMuse(['train', ...args, ...common], { cwd: folder });
}

async function train(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(...args);
  expect(code, stderr).toBe(0);
  return stdout;
}

describe('muse train super-res', () => {
  it('trains the second stage on the first, and the model generates at its size', async () => {
    const report = JSON.parse(await train('super-res', '--steps', '2', '--pool-size', '4', '--json', '--quiet'));
    expect(report).toMatchObject({ status: 'done', model: 'runs/super-res/model', step: 2 });
    const index = JSON.parse(await readFile(join(folder, 'runs/super-res/model/model_index.json'), 'utf8'));
    expect(index).toMatchObject({ imageSize: [16, 16], superResImageSize: [32, 32] });
    const args = ['generate', 'a cat', '--model', 'runs/super-res/model', '--seed', '1', '--steps', '2'];
    const made = await runMuse([...args, '--device', 'wasm'], { cwd: folder });
    expect(made.code, made.stderr).toBe(0);
    expect(decodePng(await readFile(join(folder, 'a-cat-1.png'))).width).toBe(32);
  });

  it('trains on images of the user at both sizes', async () => {
    await mkdir(join(folder, 'photos'));
    for (let i = 0; i < 3; i++) {
      const data = Uint8ClampedArray.from({ length: 40 * 36 * 4 }, (_, at) => (at % 4 === 3 ? 255 : (at * i) % 256));
      await writeFile(join(folder, `photos/${i}.png`), encodePng({ width: 40, height: 36, data }));
      await writeFile(join(folder, `photos/${i}.txt`), `photo number ${i}`);
    }
    const stdout = await train('super-res', '--steps', '1', '--data', 'photos', '--run', 'own');
    expect(stdout).toMatch(/^own\/model {2}1 steps, loss [\d.]+\n$/);
  });

  it.each([
    [['--base', 'absent'], 'absent'],
    [['--tokenizer', 'absent'], 'absent'],
    [['--tokenizer', 'runs/tokenizer/model', '--base', 'runs/tokenizer/model'], 'model_index.json'],
  ])('refuses %j in one line', async (args, message) => {
    const { code, stdout, stderr } = await run('super-res', '--run', 'refused', ...args);
    expect({ code, stdout }, stderr).toEqual({ code: 2, stdout: '' });
    expect(stderr.trimEnd().split('\n').at(-1)).toMatch(/^muse: /);
    expect(stderr).toContain(message);
  });
});
