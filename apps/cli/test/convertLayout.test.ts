import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fixturePath } from '@muse/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, runMuse, type Workplace } from './runMuse.js';

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
});
afterAll(() => work.remove());

const run = (...args: string[]) => runMuse(['convert', ...args], { cwd: work.folder });
const here = (...path: string[]) => join(work.folder, ...path);
const json = async (...path: string[]) => JSON.parse(await readFile(here(...path), 'utf8'));

describe('muse convert --layout', () => {
  it('makes our VQGAN a VQModel of diffusers, and back to the same bytes', async () => {
    const there = await run(join(work.model, 'vqgan'), 'vqmodel', '--layout', 'diffusers');
    expect(there.code, there.stderr).toBe(0);
    expect(there.stdout).toMatch(/^vqmodel {2}2 files, [\d.]+ kB of weights\n$/);
    expect((await readdir(here('vqmodel'))).sort()).toEqual(['config.json', 'diffusion_pytorch_model.safetensors']);
    expect(await json('vqmodel', 'config.json')).toMatchObject({ _class_name: 'VQModel', block_out_channels: [6, 10] });
    expect((await run('vqmodel', 'ours', '--layout', 'muse')).code).toBe(0);
    expect(await json('ours', 'config.json')).toEqual(
      JSON.parse(await readFile(join(work.model, 'vqgan/config.json'), 'utf8')),
    );
    const back = await readFile(here('ours/model.safetensors'));
    // The header of the way back has PyTorch's mark; the tensors follow it, the same.
    const original = await readFile(join(work.model, 'vqgan/model.safetensors'));
    const tensors = (file: Buffer) => file.subarray(8 + Number(file.readBigUInt64LE()));
    expect(tensors(back).equals(tensors(original))).toBe(true);
  });

  it('makes a VQGAN of taming ours, whose ids are the same', async () => {
    const taming = fixturePath('vqgan/taming');
    expect((await run(taming, 'from-taming', '--layout', 'muse', '--dtype', 'f32')).code).toBe(0);
    expect(await json('from-taming', 'config.json')).toMatchObject({ structure: { pixelRange: 'symmetric' } });
    const tokens = Array.from({ length: 15 }, (_, i) => (5 * i) % 37);
    await writeFile(here('ids.json'), JSON.stringify({ grid: [3, 5], steps: [tokens] }));
    const decode = async (model: string, output: string) => {
      const args = ['decode-tokens', 'ids.json', '--model', model, '--device', 'wasm', '--output', output];
      const { code, stderr } = await runMuse(args, { cwd: work.folder });
      expect(code, stderr).toBe(0);
      return readFile(here(output));
    };
    expect(await decode('from-taming', 'ours.png')).toEqual(await decode(taming, 'taming.png'));
    expect((await run('from-taming', 'to-taming', '--layout', 'taming', '--dtype', 'f16')).code).toBe(0);
    expect(await decode('to-taming', 'again.png')).toEqual(await decode(taming, 'taming-2.png'));
  });

  it('leaves a model that is in the layout already as it is', async () => {
    expect((await run(work.model, 'same', '--layout', 'muse')).code).toBe(0);
    const file = 'transformer/model.safetensors';
    expect(await readFile(here('same', file))).toEqual(await readFile(join(work.model, file)));
    expect((await run(join(work.model, 'text_encoder'), 'text', '--layout', 'diffusers')).code).toBe(0);
    expect(await readdir(here('text'))).toContain('model.safetensors');
  });

  it.each<[string, () => string[], string]>([
    [
      'a pipeline in another layout',
      () => [work.model, 'out', '--layout', 'diffusers'],
      '--layout: expected muse, the one layout of a pipeline of its kind, or the folder of its VQGAN alone, got diffusers',
    ],
    [
      'a transformer',
      () => [join(work.model, 'transformer'), 'out', '--layout', 'diffusers'],
      'is no VQGAN and has no other layout, got diffusers',
    ],
    [
      'MaskGIT’s, which is only read',
      () => [fixturePath('vqgan/maskgit'), 'out', '--layout', 'maskgit'],
      "expected a layout that is written too, muse, diffusers or taming, got MaskGIT's, which is only read",
    ],
    [
      'what a layout can’t hold',
      () => [fixturePath('vqgan/tiny'), 'out', '--layout', 'diffusers'],
      'got one with a decoder of 9, 12, 15 channels and an encoder of 6, 9, 15, where the layout has one list',
    ],
    [
      'a file',
      () => [join(work.model, 'vqgan/model.safetensors'), 'out', '--layout', 'diffusers'],
      '--layout: expected a folder, as a layout has a config.json, got the file',
    ],
    ['a layout that nobody has', () => [work.model, 'out', '--layout', 'flax'], 'Allowed choices are muse, diffusers'],
  ])('refuses %s, and writes nothing', async (_, args, message) => {
    const { code, stdout, stderr } = await run(...args());
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(await readdir(work.folder)).not.toContain('out');
  });

  it('overwrites nothing without --force', async () => {
    await mkdir(here('taken'));
    await cp(join(work.model, 'vqgan/config.json'), here('taken/config.json'));
    const args = [join(work.model, 'vqgan'), 'taken', '--layout', 'diffusers'];
    const refused = await run(...args);
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('is there already: --force overwrites it');
    expect(await readdir(here('taken'))).toEqual(['config.json']);
    expect((await run(...args, '--force')).code).toBe(0);
    expect(await json('taken', 'config.json')).toMatchObject({ _class_name: 'VQModel' });
  });
});
