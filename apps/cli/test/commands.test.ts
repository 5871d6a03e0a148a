import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openCheckpoint } from '@muse/checkpoint';
import { fileSource } from '@muse/checkpoint/node';
import { decodePng } from '@muse/muse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, runMuse, type Workplace } from './runMuse.js';

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
});
afterAll(() => work.remove());

const here = (name: string) => join(work.folder, name);
const editCommands = ['inpaint', 'outpaint', 'edit', 'variations', 'upscale'];
const otherCommands = [
  'devices',
  'train',
  'download',
  'cache',
  'convert',
  'encode-image',
  'decode-tokens',
  'encode-text',
  'inspect',
];
const commands = ['generate', ...editCommands, ...otherCommands];

describe('muse', () => {
  it('tells its version and its commands', async () => {
    const version = await runMuse(['--version'], { cwd: work.folder });
    expect(version).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/), stderr: '' });
    const help = await runMuse(['--help'], { cwd: work.folder });
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const command of commands) expect(help.stdout).toContain(`  ${command} `);
  });

  it.each([['--help'], ['generate', '--help'], ['generate', 'a cat', '--steps', '0'], ['generate']])(
    'does not load tfjs to say %j',
    async (...args) => {
      const coverage = await mkdtemp(here('coverage-'));
      await runMuse(args, { cwd: work.folder, env: { NODE_V8_COVERAGE: coverage } });
      const reports = await Promise.all(
        (await readdir(coverage)).map((file) => readFile(join(coverage, file), 'utf8')),
      );
      expect(reports.join('')).toContain('dist/muse.js');
      expect(reports.join('')).not.toContain('@tensorflow');
    },
  );

  it('npm start knows every command from a prompt', async () => {
    const scripts = new URL('../../../scripts/commands.mjs', import.meta.url);
    const { commands: known } = (await import(scripts.href)) as { commands: string[] };
    const { stdout } = await runMuse(['--help'], { cwd: work.folder });
    const listed = [...stdout.slice(stdout.indexOf('Commands:')).matchAll(/^ {2}([a-z-]+) /gm)].map(([, name]) => name);
    expect([...known].sort()).toEqual(listed.sort());
  });

  it.each(commands)('%s --help has examples', async (command) => {
    const { code, stdout } = await runMuse([command, '--help'], { cwd: work.folder });
    expect(code).toBe(0);
    expect(stdout).toMatch(/Examples?:\n {2}\$ muse /);
  });

  it('without a command tells how it is used, as a mistake', async () => {
    const { code, stdout, stderr } = await runMuse([], { cwd: work.folder });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('Usage: muse');
  });
});

describe('muse devices', () => {
  it('lists every device, which of them auto takes, and how to get the others', async () => {
    const { code, stdout } = await runMuse(['devices'], { cwd: work.folder });
    expect(code).toBe(0);
    for (const name of ['webgpu', 'tensorflow', 'wasm', 'cpu']) {
      expect(stdout).toMatch(new RegExp(`^${name} +(there|missing) `, 'm'));
    }
    expect(stdout.match(/\(auto takes this\)/g)).toHaveLength(1);
    const json = JSON.parse((await runMuse(['devices', '--json'], { cwd: work.folder })).stdout);
    expect(json.devices).toHaveLength(4);
    expect(json.devices.find(({ name }: { name: string }) => name === json.auto).isAvailable).toBe(true);
    expect(json.devices.find(({ name }: { name: string }) => name === 'cpu').isAvailable).toBe(true);
  });

  it('installs nothing that it does not know', async () => {
    const { code, stderr } = await runMuse(['devices', '--install', 'cuda'], { cwd: work.folder });
    expect(code).toBe(2);
    expect(stderr).toContain('Allowed choices are tensorflow.');
  });
});

describe('muse encode-image and decode-tokens', () => {
  it('take an image to tokens and back', async () => {
    const tokenIds = Array.from({ length: 15 }, (_, i) => i % 13);
    await writeFile(here('ids.json'), JSON.stringify({ grid: [3, 5], steps: [new Array(15).fill(0), tokenIds] }));
    const decoded = await work.run(['decode-tokens', 'ids.json', '--output', 'image.png']);
    expect(decoded.code, decoded.stderr).toBe(0);
    expect(decoded.stdout).toBe('image.png  10 × 6\n');
    const image = decodePng(await readFile(here('image.png')));
    expect([image.width, image.height]).toEqual([10, 6]);

    const first = await work.run(['decode-tokens', 'ids.json', '--step', '1']);
    expect(first.stdout).toBe('ids.png  10 × 6\n');
    expect(decodePng(await readFile(here('ids.png'))).data).not.toEqual(image.data);

    const encoded = await work.run(['encode-image', 'image.png']);
    expect(encoded.code, encoded.stderr).toBe(0);
    const json = JSON.parse(encoded.stdout);
    expect(json.grid).toEqual([3, 5]);
    expect(json.steps).toHaveLength(1);
    expect(json.steps[0]).toHaveLength(15);

    await mkdir(here('out'));
    const written = await work.run(['encode-image', 'image.png', '--output', 'out']);
    expect(written.stdout).toBe('out/image.json  3 × 5 tokens\n');
    expect(JSON.parse(await readFile(here('out/image.json'), 'utf8'))).toEqual(json);
  });

  it('need the VQGAN of a model and nothing else', async () => {
    await cp(work.model, here('part'), { recursive: true });
    for (const name of ['text_encoder', 'transformer']) await rm(here(`part/${name}`), { recursive: true });
    await writeFile(here('three.json'), JSON.stringify({ grid: [1, 3], steps: [[1, 2, 3]] }));
    const decoded = await work.run(['decode-tokens', 'three.json', '--model', 'part']);
    expect(decoded.stdout, decoded.stderr).toBe('three.png  6 × 2\n');
    const encoded = await work.run(['encode-image', 'three.png', '--model', 'part']);
    expect(JSON.parse(encoded.stdout).grid).toEqual([1, 3]);
  });

  it('decode the tokens of generate to its image', async () => {
    const args = ['generate', 'a cat', '--seed', '9', '--steps', '2', '--output', 'made.png', '--tokens', 'made.json'];
    expect((await work.run(args)).code).toBe(0);
    expect((await work.run(['decode-tokens', 'made.json', '--output', 'decoded.png'])).code).toBe(0);
    const [made, decoded] = await Promise.all(['made.png', 'decoded.png'].map((name) => readFile(here(name))));
    expect(decodePng(decoded!)).toEqual(decodePng(made!));
  });

  it('decode the stage that is asked for, of a cascade the last', async () => {
    const model = ['--model', work.cascade];
    const args = ['--seed', '9', '--steps', '2', '--output', 'fine.png', '--tokens', 'cascade.json'];
    expect((await work.run(['generate', 'a cat', ...args, ...model])).code).toBe(0);
    const { grid, steps, superRes } = JSON.parse(await readFile(here('cascade.json'), 'utf8'));
    expect([grid, steps.length, superRes.grid, superRes.steps.length]).toEqual([[8, 8], 2, [16, 16], 3]);
    const sides = async (name: string, ...options: string[]) => {
      const { code, stderr } = await work.run(['decode-tokens', 'cascade.json', '-o', name, ...options, ...model]);
      expect(code, stderr).toBe(0);
      return decodePng(await readFile(here(name)));
    };
    expect(await sides('last.png')).toEqual(decodePng(await readFile(here('fine.png'))));
    expect(await sides('coarse.png', '--stage', 'base')).toMatchObject({ width: 16, height: 16 });
    const without = await work.run(['decode-tokens', 'cascade.json']);
    expect(without).toMatchObject({ code: 2, stdout: '' });
    expect(without.stderr).toContain(
      'muse: --stage super-res: expected a model with a super-resolution stage, got tiny',
    );
    const wrong = await work.run(['decode-tokens', 'ids.json', '--stage', 'super-res']);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toBe('muse: --stage super-res: ids.json has the tokens of the base stage alone\n');
  });

  it('say which sides an image must have', async () => {
    const { encodePng } = await import('@muse/muse');
    await writeFile(here('odd.png'), encodePng({ width: 3, height: 4, data: new Uint8ClampedArray(48) }));
    const { code, stderr } = await work.run(['encode-image', 'odd.png']);
    expect(code).toBe(2);
    expect(stderr).toContain('muse: expected width and height to be multiples of 2, got 3 × 4: resize the image\n');
  });
});

describe('muse encode-text', () => {
  it('writes embeddings and mask as safetensors', async () => {
    const { code, stdout, stderr } = await work.run(['encode-text', 'a red cat']);
    expect(code, stderr).toBe(0);
    expect(stdout).toBe('a-red-cat.safetensors  embeds [13, 44], mask [13]\n');
    const checkpoint = await openCheckpoint(await fileSource(here('a-red-cat.safetensors')));
    expect(checkpoint.metadata).toEqual({ text: 'a red cat', model: 'tiny' });
    expect(checkpoint.info('embeds')).toMatchObject({ dtype: 'F32', shape: [13, 44] });
    const { data } = await checkpoint.read('mask');
    expect([...(data as Float32Array)]).toEqual([1, 1, 1, 1, ...new Array(9).fill(0)]);
    await checkpoint.close();
  });
});

describe('muse inspect', () => {
  it('tells components, parameters, bytes and licence', async () => {
    const { code, stdout } = await runMuse(['inspect', work.model], { cwd: work.folder });
    expect(code).toBe(0);
    expect(stdout).toContain('licence   Apache-2.0');
    expect(stdout).toMatch(/^transformer +MaskedTransformer +[\d,]+ +\d+ +[\d.]+ kB +F16$/m);
    const report = JSON.parse((await runMuse(['inspect', work.model, '--json'], { cwd: work.folder })).stdout);
    expect(report).toMatchObject({
      name: 'tiny',
      license: 'Apache-2.0',
      imageSize: [16, 16],
      sampling: { numSteps: 5 },
    });
    const names = report.components.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['vqgan', 'text_encoder', 'transformer']);
    // Two bytes for each parameter at f16.
    expect(report.sizeBytes).toBe(2 * report.parameters);
  });

  it('tells both stages of a cascade', async () => {
    const { code, stdout } = await runMuse(['inspect', work.cascade], { cwd: work.folder });
    expect(code).toBe(0);
    expect(stdout).toContain('images    16 × 16, then 32 × 32\n');
    expect(stdout).toMatch(/^ {10}3 steps, guidance 1 linear/m);
    expect(stdout).toMatch(/^super_res_transformer +SuperResTransformer /m);
    const report = JSON.parse((await runMuse(['inspect', work.cascade, '--json'], { cwd: work.folder })).stdout);
    expect(report).toMatchObject({ superResImageSize: [32, 32], superResSampling: { numSteps: 3 } });
  });

  it('refuses what is no model', async () => {
    const { code, stderr } = await runMuse(['inspect', '.'], { cwd: work.folder });
    expect(code).toBe(2);
    expect(stderr).toMatch(/^muse: expected a model folder with model_index.json, got .* without it\n$/);
  });
});
