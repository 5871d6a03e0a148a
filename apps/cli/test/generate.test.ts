import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePng, readPngText } from '@muse/muse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, museJs, runMuse, type Workplace } from './runMuse.js';

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
});
afterAll(() => work.remove());

const read = (name: string) => readFile(join(work.folder, name));
/** Files in a fresh folder of the workplace. */
async function inFolder(name: string): Promise<{ path: string; files: () => Promise<string[]> }> {
  const path = join(work.folder, name);
  await mkdir(path);
  return { path, files: async () => (await readdir(path)).sort() };
}

describe('muse generate', () => {
  it('writes an image named after prompt and seed, and says where, with seed, device and time', async () => {
    const { code, stdout, stderr } = await work.run([
      'generate',
      'a smiling cat, 3D style',
      '--seed',
      '7',
      '--steps',
      '2',
    ]);
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^a-smiling-cat-3d-style-7\.png {2}seed 7 {2}wasm {2}\d+\.\d s\n$/);
    expect(stderr).toContain('Loading ');
    expect(stderr).toContain('Device wasm');
    const image = decodePng(await read('a-smiling-cat-3d-style-7.png'));
    expect([image.width, image.height]).toEqual([16, 16]);
  });

  it('refuses a dtype that the device lacks, by exit code 2, and says which it has', async () => {
    const { code, stdout, stderr } = await work.run(['generate', 'a cat', '--dtype', 'q8']);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain('expected a dtype of the device wasm (auto, f32), got q8');
  });

  it('makes the same image of a text encoder whose weights stay in their file, and keeps what that made of a prompt', async () => {
    const { path } = await inFolder('streamed');
    const options = { env: { MUSE_CACHE: join(path, 'cache') } };
    const args = ['generate', 'a smiling cat', '--negative', 'a dog', '--steps', '2', '--seed', '3'];
    const run = (name: string, ...more: string[]) =>
      work.run([...args, ...more, '--output', `streamed/${name}.png`], options);
    const resident = await run('resident');
    expect(resident.code, resident.stderr).toBe(0);
    expect(resident.stderr).not.toContain('Text encoder');
    const streamed = await run('streamed', '--text-encoder', 'streamed');
    expect(streamed.code, streamed.stderr).toBe(0);
    expect(streamed.stderr).toContain('Text encoder: read block by block for each new prompt');
    expect(streamed.stderr).not.toContain('from the cache');
    expect(await read('streamed/streamed.png')).toEqual(await read('streamed/resident.png'));
    expect(await readdir(join(path, 'cache/prompts'))).toHaveLength(2);
    const again = await run('again', '--text-encoder', 'streamed');
    expect(again.stderr).toContain('Text encoder: 2 texts from the cache');
    expect(await read('streamed/again.png')).toEqual(await read('streamed/resident.png'));
  });

  it('has such a text encoder read all prompts of a file before the first image', async () => {
    const { path } = await inFolder('ahead');
    await writeFile(join(work.folder, 'many.txt'), 'a cat\na red dog\na smiling cat\n');
    const options = { env: { MUSE_CACHE: join(path, 'cache') } };
    const args = [
      'generate',
      '--prompts',
      'many.txt',
      '--negative',
      'blue',
      '--steps',
      '1',
      '--seed',
      '2',
      '--output',
      'ahead',
    ];
    const { code, stderr } = await work.run([...args, '--text-encoder', 'streamed'], options);
    expect(code, stderr).toBe(0);
    // Of each image the prompt and the negative one; for the first, too.
    expect(stderr.match(/Text encoder: 2 texts from the cache/g)).toHaveLength(3);
    expect(await readdir(join(path, 'cache/prompts'))).toHaveLength(4);
  });

  it('remembers prompt, seed, model and settings in the file, and --from repeats it to the byte', async () => {
    const { path, files } = await inFolder('from');
    const args = [
      'a red cat',
      '--negative',
      'a dog',
      '--order',
      'halton',
      '--top-k',
      '5',
      '--choice-temperature',
      '3,1',
    ];
    const sampling = ['--steps', '3', '--guidance', '1.5', '--seed', '4', '--sample-temperature', '0.7'];
    const first = await work.run(['generate', ...args, ...sampling, '--output', 'from/first.png']);
    expect(first.code, first.stderr).toBe(0);
    const original = await read('from/first.png');
    const chunks = readPngText(original);
    expect(chunks).toMatchObject({ Description: 'a red cat', Software: 'muse' });
    expect(JSON.parse(chunks.muse!)).toMatchObject({
      model: work.model,
      modelName: 'tiny',
      device: 'wasm',
      seed: 4,
      settings: {
        prompt: 'a red cat',
        negativePrompt: 'a dog',
        numSteps: 3,
        guidanceScale: 1.5,
        order: 'halton',
        topK: 5,
        choiceTemperature: [3, 1],
        sampleTemperature: 0.7,
      },
    });
    // Neither model nor device nor anything else is given again.
    const again = await runMuse(['generate', '--from', 'first.png', '--output', 'again.png'], { cwd: path });
    expect(again.code, again.stderr).toBe(0);
    expect((await read('from/again.png')).equals(original)).toBe(true);
    const other = await runMuse(['generate', '--from', 'first.png', '--seed', '5', '-o', 'other.png'], { cwd: path });
    expect(other.code, other.stderr).toBe(0);
    expect(JSON.parse(readPngText(await read('from/other.png')).muse!)).toMatchObject({
      seed: 5,
      settings: { topK: 5 },
    });
    expect(await files()).toEqual(['again.png', 'first.png', 'other.png']);
  });

  it('makes many images, a sheet, strips, animations, tokens and a report', async () => {
    const { files } = await inFolder('many');
    const { code, stdout, stderr } = await work.run([
      ...['generate', 'a dog', '--count', '3', '--seed', '1', '--steps', '2', '--output', 'many'],
      ...['--grid', '--steps-strip', '--steps-gif', '--tokens', 'many/ids.json', '--json', '--quiet'],
    ]);
    expect(code, stderr).toBe(0);
    expect(stderr).toBe('');
    const names = [1, 2, 3].map((seed) => `a-dog-${seed}`);
    const expected = names.flatMap((name) => [
      `${name}.png`,
      `${name}-steps.png`,
      `${name}-steps.gif`,
      `ids-${name}.json`,
    ]);
    expect(await files()).toEqual([...expected, 'a-dog-1-grid.png'].sort());
    const report = JSON.parse(stdout);
    expect(report).toMatchObject({
      model: work.model,
      device: 'wasm',
      grid: join(work.folder, 'many/a-dog-1-grid.png'),
    });
    expect(report.images.map((image: { path: string }) => image.path)).toEqual(
      names.map((name) => join(work.folder, 'many', `${name}.png`)),
    );
    expect(report.images[1]).toMatchObject({ prompt: 'a dog', seed: 2, width: 16, height: 16, isUnchanged: false });
    const tokens = JSON.parse(await readFile(report.images[0].tokens, 'utf8'));
    expect(tokens.grid).toEqual([8, 8]);
    // Two steps of the cosine schedule: ⌊64·cos 45°⌋ = 45 of 64 masked (id 13), then none.
    expect(tokens.steps.map((ids: number[]) => ids.filter((id) => id === 13).length)).toEqual([45, 0]);
    const grid = decodePng(await read('many/a-dog-1-grid.png'));
    expect([grid.width, grid.height]).toEqual([34, 34]);
    const strip = decodePng(await read('many/a-dog-1-steps.png'));
    expect([strip.width, strip.height]).toEqual([34, 16]);
    expect((await read('many/a-dog-1-steps.gif')).subarray(0, 10)).toEqual(
      Buffer.from([...Buffer.from('GIF89a'), 0, 1, 0, 1]),
    );
  });

  it('takes prompts from a file, without empty lines and comments', async () => {
    const { files } = await inFolder('prompts');
    await writeFile(join(work.folder, 'prompts.txt'), '# animals\r\na cat\r\n\n  a red dog  \n');
    const args = [
      'generate',
      '--prompts',
      'prompts.txt',
      '--seed',
      '2',
      '--steps',
      '1',
      '--output',
      'prompts',
      '--grid',
    ];
    const { code, stdout, stderr } = await work.run(args);
    expect(code, stderr).toBe(0);
    expect(await files()).toEqual(['a-cat-2.png', 'a-red-dog-2.png', 'prompts-2-grid.png']);
    expect(stdout.split('\n').map((line) => line.split('  ')[0])).toEqual([
      'prompts/a-cat-2.png',
      'prompts/a-red-dog-2.png',
      'prompts/prompts-2-grid.png',
      '',
    ]);
  });

  it('never overwrites a file unless told to', async () => {
    const { files } = await inFolder('taken');
    const args = ['generate', 'a cat', '--seed', '1', '--steps', '1', '--output'];
    await writeFile(join(work.folder, 'taken/a-cat-1.png'), 'precious');
    const beside = await work.run([...args, 'taken']);
    expect(beside.stdout).toContain('taken/a-cat-1-2.png');
    const same = await work.run([...args, 'taken']);
    expect(same.stdout).toContain('taken/a-cat-1-2.png');
    expect(same.stdout).toContain('there already, the same bytes');
    const named = await work.run([...args, 'taken/a-cat-1.png']);
    expect(named).toMatchObject({ code: 2, stdout: '' });
    expect(named.stderr).toBe('muse: --output: taken/a-cat-1.png exists already: --force overwrites it\n');
    expect((await read('taken/a-cat-1.png')).toString()).toBe('precious');
    expect((await work.run([...args, 'taken/a-cat-1.png', '--force'])).code).toBe(0);
    expect(decodePng(await read('taken/a-cat-1.png')).width).toBe(16);
    expect(await files()).toEqual(['a-cat-1-2.png', 'a-cat-1.png']);
  });

  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('stops within a step on %s, leaves no half file and exits with %i', async (signal, expected) => {
    const { path, files } = await inFolder(signal);
    let sentMs = 0;
    const args = ['generate', 'a cat', '--count', '500', '--steps', '3', '--seed', '1', '--output', signal];
    const { code, stderr } = await work.run(args, {
      onStdout: (_, child) => {
        if (sentMs > 0) return;
        sentMs = Date.now();
        child.kill(signal);
      },
    });
    expect(code).toBe(expected);
    expect(stderr.split('\n').slice(-2)).toEqual(['muse: stopped', '']);
    // A step of the tiny model takes a fraction of a second, also on a machine with much else to do.
    expect(Date.now() - sentMs).toBeLessThan(10_000);
    const left = await files();
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(500);
    for (const file of left) expect(decodePng(await readFile(join(path, file))).width).toBe(16);
  });

  const hasScript = spawnSync('script', ['--version']).status === 0;
  it.skipIf(!hasScript)(
    'shows progress in place and the picture in a terminal (needs script of util-linux)',
    async () => {
      const command = [
        process.execPath,
        museJs,
        'generate',
        'a cat',
        '-s',
        '1',
        '--steps',
        '40',
        '--model',
        work.model,
      ];
      const quoted = [...command, '--device', 'wasm', '--output', 'terminal.png'].map((word) => `'${word}'`).join(' ');
      const env = { ...process.env, TERM: 'xterm-kitty', TMUX: '', STY: '' };
      const run = spawnSync('script', ['-qec', quoted, '/dev/null'], { cwd: work.folder, env, encoding: 'utf8' });
      expect(run.status).toBe(0);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: escapes are what is tested.
      expect(run.stdout).toMatch(/\r\x1b\[2KStep \d+ of 40, \d+\.\d s left/);
      const png = (await read('terminal.png')).toString('base64');
      expect(run.stdout).toContain(`\x1b_Ga=T,f=100,q=2,c=24,m=0;${png}\x1b\\`);
    },
  );
});
