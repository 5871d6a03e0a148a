import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '@muse/fixtures';
import { decodePng } from '@muse/muse';
import { loadGolden } from '@muse/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, runMuse, type Workplace } from './runMuse.js';

/** What diffusers 0.33.1 makes with a tiny random model: internal/fixtures/python/amused.py, seed 1234. */
const model = fixturePath('amused/amused-tiny');
const prompt = 'a photo of a red cat on the Moon';
const greedy = [
  ...['--model', model, '--negative', 'low quality, blurry', '--guidance', '3', '--steps', '5'],
  ...['--sample-temperature', '0', '--choice-temperature', '0', '--seed', '1'],
];

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
});
afterAll(() => work.remove());

const steps = (name: string) => {
  const { shape, data } = loadGolden(join(model, 'expected.safetensors')).get(`${name}.tokens_per_step`)!;
  const seqLen = data.length / shape[0]!;
  return Array.from({ length: shape[0]! }, (_, i) => [...data.subarray(i * seqLen, (i + 1) * seqLen)]);
};
const writtenSteps = async (file: string) => JSON.parse(await readFile(join(work.folder, file), 'utf8')).steps;

async function expectSamePicture(file: string, golden: string): Promise<void> {
  const made = decodePng(await readFile(join(work.folder, file)));
  const expected = decodePng(await readFile(join(model, golden)));
  expect([made.width, made.height]).toEqual([expected.width, expected.height]);
  const worst = made.data.reduce((most, value, i) => Math.max(most, Math.abs(value - expected.data[i]!)), 0);
  expect(worst).toBeLessThanOrEqual(1);
}

describe('muse with a diffusers folder', () => {
  it("generates diffusers' image, token by token, and --from repeats it", async () => {
    const run = await work.run(['generate', prompt, ...greedy, '--tokens', 'ids.json', '--output', 'made.png']);
    expect(run.code, run.stderr).toBe(0);
    expect(await writtenSteps('ids.json')).toEqual(steps('text2img'));
    await expectSamePicture('made.png', 'text2img.png');
    const again = await work.run(['generate', '--from', 'made.png', '--model', model, '--output', 'again.png']);
    expect(again.code, again.stderr).toBe(0);
    await expectSamePicture('again.png', 'text2img.png');
  });

  it("inpaints diffusers' image with --no-preserve-outside", async () => {
    const edit = ['inpaint', join(model, 'input.png'), prompt, '--mask', join(model, 'mask.png')];
    const own = ['--no-preserve-outside', '--output', 'edit.png'];
    const run = await work.run([...edit, ...greedy, ...own]);
    expect(run.code, run.stderr).toBe(0);
    await expectSamePicture('edit.png', 'inpaint.png');
  });

  it('takes micro-conditioning, which the bundled kind of model refuses', async () => {
    const micro = ['--aesthetic-score', '7', '--original-size', '512,384', '--crop-offset', '1,2'];
    const run = await work.run([
      'generate',
      'a cat',
      ...greedy,
      '--steps',
      '1',
      ...micro,
      '--json',
      '--output',
      'm.png',
    ]);
    expect(run.code, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout).images[0].settings.microConditioning).toEqual({
      originalSize: [512, 384],
      cropOffset: [1, 2],
      aestheticScore: 7,
    });
    const refused = await work.run(['generate', 'a cat', '--aesthetic-score', '7']);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('expected a model that takes microConditioning, got one that does not');
  });

  it('inspects it: three components have weights', async () => {
    const { code, stdout } = await runMuse(['inspect', model, '--json'], { cwd: work.folder });
    expect(code).toBe(0);
    const { name, imageSize, components } = JSON.parse(stdout);
    expect({ name, imageSize }).toEqual({ name: 'amused-tiny', imageSize: [48, 48] });
    expect(components.map((one: { name: string }) => one.name)).toEqual(['vqvae', 'text_encoder', 'transformer']);
  });
});
