import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodePng } from '@muse/muse';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, type Run, type RunOptions, type Workplace } from './runMuse.js';

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
  const file = (name: string) => join(work.folder, name);
  await mkdir(file('out'));
  await writeFile(file('not-an-image.png'), 'GIF89a, or so');
  await writeFile(file('cut-off.png'), Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0));
  await writeFile(file('no-prompts.txt'), '# nothing here\n\n');
  await writeFile(file('bad-prompts.txt'), 'a cat\na 🐈\n');
  const image = (width: number, height: number, value: number) =>
    encodePng({ width, height, data: new Uint8ClampedArray(width * height * 4).fill(255).fill(value, 0, 4) });
  await writeFile(file('image.png'), image(16, 16, 255));
  await writeFile(file('other-size.png'), image(16, 12, 255));
  const black = new Uint8ClampedArray(16 * 16 * 4).map((_, i) => (i % 4 === 3 ? 255 : 0));
  await writeFile(file('black.png'), encodePng({ width: 16, height: 16, data: black }));
  await writeFile(file('half.png'), image(16, 16, 9).subarray(0, 60));
  await writeFile(file('huge.svg'), '<svg xmlns="http://www.w3.org/2000/svg" width="20000" height="20000"/>');
  await writeFile(file('ids.json'), '{ "grid": [1, 2], "steps": [[3, 99]] }');
  await writeFile(file('odd.json'), '{ "grid": [1, 2] }');
});
afterAll(() => work.remove());

/** Runs; expects exit code 2, one line on stderr beside progress, nothing on stdout and no new file. */
async function refused(args: readonly string[], options?: Partial<RunOptions>): Promise<string> {
  const before = await listing();
  const run = await work.run(args, options);
  expectRefusal(run);
  expect(await listing()).toEqual(before);
  return lastLine(run);
}

function expectRefusal({ code, stdout, stderr }: Run): void {
  expect(code, stderr).toBe(2);
  expect(stdout).toBe('');
  const lines = stderr.trimEnd().split('\n');
  expect(lines.filter((line) => line.startsWith('muse: '))).toEqual([lines.at(-1)]);
  expect(stderr).not.toMatch(/^\s+at /m);
}

const lastLine = ({ stderr }: Run) => stderr.trimEnd().split('\n').at(-1)!;

async function listing(): Promise<string[]> {
  return (await readdir(work.folder, { recursive: true })).sort();
}

describe('what is wrong is said in one line, with exit code 2, and nothing is written', () => {
  it.each([
    [['generate'], 'no prompt: say what to draw'],
    [['generate', ''], 'the prompt is empty: say what to draw'],
    [['generate', ' \t\n'], 'the prompt is empty'],
    [['generate', 'a cat', '--steps', '0'], "argument '0' is invalid. Expected an integer of at least 1."],
    [['generate', 'a cat', '--steps', 'ten'], "argument 'ten' is invalid. Expected an integer of at least 1."],
    [['generate', 'a cat', '--guidance', 'NaN'], "argument 'NaN' is invalid. Expected a number of at least 0."],
    [['generate', 'a cat', '--guidance', '-1'], "argument '-1' is invalid."],
    [['generate', 'a cat', '--seed', '-1'], "argument '-1' is invalid. Expected an integer of at least 0."],
    [['generate', 'a cat', '--seed', '1e400'], 'Expected an integer of at least 0.'],
    [['generate', 'a cat', '--count', '0'], 'Expected an integer in [1, 10000].'],
    [['generate', 'a cat', '--order', 'raster'], 'Allowed choices are confidence, halton.'],
    [['generate', 'a cat', '--choice-temperature', '1,2,3'], 'Expected a or a,b'],
    [['generate', 'a cat', '--device', 'gpu'], 'Allowed choices are auto, webgpu, tensorflow, wasm, cpu.'],
    [['generate', 'a cat', '--stpes', '3'], "unknown option '--stpes' (Did you mean --steps?)"],
    [['generate', 'a cat', 'a dog'], 'too many arguments'],
    [['genrate', 'a cat'], "unknown command 'genrate' (Did you mean generate?)"],
    [['generate', 'a cat', '--output', 'absent'], 'there is no folder absent: make it first (mkdir -p "absent")'],
    [['generate', 'a cat', '--output', 'absent/cat.png'], 'make it first (mkdir -p'],
    [['generate', 'a cat', '--output', 'cat.jpg'], "there is no folder cat.jpg: a file's name ends in .png"],
    [['generate', 'a cat', '--output', 'ids.json'], "ids.json is a file that doesn't end in .png"],
    [['generate', 'a cat', '--output', ''], 'Expected a name.'],
    [['generate', 'a cat', '--output', '/proc'], 'nothing can be written in /proc'],
    [['generate', 'a cat', '--count', '2', '--output', 'two.png'], 'one file for 2 images: name a folder'],
    [['generate', 'a cat', '--tokens', 'absent/ids.json'], '--tokens: there is no folder'],
    [['generate', '--prompts', 'absent.txt'], "--prompts absent.txt can't be read: no such file or folder"],
    [['generate', '--prompts', 'out'], "--prompts out can't be read: it is a folder"],
    [['generate', '--prompts', 'no-prompts.txt'], 'no-prompts.txt has no prompt: write one on each line'],
    [['generate', 'a cat', '--prompts', 'no-prompts.txt'], 'give one of them'],
    [['generate', '--from', 'absent.png'], "--from absent.png can't be read: no such file or folder"],
    [['generate', '--from', 'not-an-image.png'], 'expected a PNG file, got something else'],
    [
      ['encode-image', 'not-an-image.png'],
      'expected a PNG, JPEG, WebP, AVIF, GIF, TIFF or SVG image, got something else',
    ],
    [['encode-image', 'cut-off.png'], 'got something else or a damaged one'],
    [['encode-image', 'absent.png'], "image absent.png can't be read"],
    [['encode-image'], "missing required argument 'image'"],
    [['inpaint', 'image.png', 'a cat'], 'one of them is needed, got neither'],
    [['inpaint', 'image.png', 'a cat', '--box', '0,0,1,1', '--mask', 'black.png'], 'one of them is needed, got both'],
    [['inpaint', 'image.png', 'a cat', '--box', '0,0,1'], "argument '0,0,1' is invalid. Expected x,y,w,h"],
    [['inpaint', 'image.png', 'a cat', '--box', '0,0,0,9'], 'w and h of at least 1'],
    [['inpaint', 'image.png', 'a cat', '--box', '16,0,4,4'], 'expected a box within the image of 16 × 16'],
    [['inpaint', 'image.png', ' ', '--box', '0,0,1,1'], 'the prompt is empty: say what to draw, as in: muse inpaint'],
    [['inpaint', 'image.png'], "missing required argument 'prompt'"],
    [['inpaint', 'absent.jpg', 'a cat', '--box', '0,0,1,1'], "image absent.jpg can't be read: no such file or folder"],
    [['inpaint', 'not-an-image.png', 'a cat', '--box', '0,0,1,1'], 'got something else or a damaged one'],
    [['inpaint', 'half.png', 'a cat', '--box', '0,0,1,1'], "image half.png can't be read: "],
    [['inpaint', 'out', 'a cat', '--box', '0,0,1,1'], "image out can't be read: it is a folder"],
    [['inpaint', 'huge.svg', 'a cat', '--box', '0,0,1,1'], 'more than 134 megapixels: make it smaller'],
    [['inpaint', 'image.png', 'a cat', '--mask', 'absent.png'], "--mask absent.png can't be read: no such file"],
    [['inpaint', 'image.png', 'a cat', '--mask', 'ids.json'], "--mask ids.json can't be read: expected a PNG"],
    [['inpaint', 'image.png', 'a cat', '--mask', ''], 'Expected a name.'],
    [['outpaint', 'image.png', 'a cat'], 'say by how many pixels to grow: --left, --right, --top or --bottom'],
    [['outpaint', 'image.png', 'a cat', '--left', '0'], 'say by how many pixels to grow'],
    [
      ['outpaint', 'image.png', 'a cat', '--left', '30000', '--top', '30000'],
      'the grown image would have 30016 × 30016 pixels: 134 megapixels are the most',
    ],
    [['outpaint', 'image.png', 'a cat', '--left', '-1'], 'Expected an integer of at least 0.'],
    [['outpaint', 'image.png', 'a cat', '--top', '1.5'], 'Expected an integer of at least 0.'],
    [['edit', 'image.png'], "missing required argument 'prompt'"],
    [['edit', 'image.png', ''], 'the prompt is empty'],
    [['edit', 'image.png', 'a cat', '--strength', '0'], 'Expected a number above 0 and at most 1.'],
    [['edit', 'image.png', 'a cat', '--iterations', '0'], 'Expected an integer of at least 1.'],
    [['edit', 'image.png', 'a cat', '--steps', '3', '--iterations', '4'], 'give one, got 3 and 4'],
    [['edit', 'image.png', 'a cat', '--order', 'halton'], 'edit masks a random few at a time and decides all of them'],
    [['edit', 'image.png', 'a cat', '--mask-schedule', 'cosine'], 'see --iterations, --remask-ratio and --strength'],
    [['edit', 'image.png', 'a cat', '--choice-temperature', '1'], 'It says which masked tokens are decided when'],
    [['edit', 'image.png', 'a cat', '--tokens', 'absent/ids.json'], '--tokens: there is no folder'],
    [['edit', 'not-an-image.png', 'a cat'], 'got something else or a damaged one'],
    [['variations', 'image.png', '--strength', '1.1'], 'Expected a number in [0, 1].'],
    [['variations', 'image.png', '--strength', '-0.1'], 'Expected a number in [0, 1].'],
    [['variations', 'image.png', ''], 'the prompt is empty'],
    [['variations', 'image.png', '--seed', '9007199254740991', '--count', '2'], '--seed: there are no 2 seeds from'],
    [['variations', 'image.png', '--count', '2', '--output', 'two.png'], 'one file for 2 images: name a folder'],
    [['variations', 'image.png', '--output', 'image.png'], 'image.png exists already: --force overwrites it'],
    [['upscale', 'image.png'], "missing required argument 'prompt'"],
    [['decode-tokens', 'odd.json'], 'odd.json: expected { "grid": [h, w]'],
    [['decode-tokens', 'not-an-image.png'], 'not-an-image.png is no JSON file'],
    [['decode-tokens', 'ids.json', '--step', '2'], 'ids.json has 1 step'],
    [['decode-tokens', 'ids.json', '--window', '2'], '--window 2: ids.json has 1 window'],
  ])('%j', async (args, message) => expect(await refused(args)).toContain(message));

  it.each([
    [
      'a prompt of 10,000 characters',
      ['generate', 'cat '.repeat(2500)],
      'at most 13 tokens, got 2501 (10000 characters)',
    ],
    ['emoji', ['generate', 'a cat 🐈'], 'got 🐈 (U+1F408): leave them out'],
    ['right-to-left text', ['generate', 'قطة'], "expected a prompt of characters in the model's vocabulary, got ق"],
    ['one bad prompt of several', ['generate', '--prompts', 'bad-prompts.txt'], 'got 🐈 (U+1F408)'],
    ['text that is too long', ['encode-text', 'cat '.repeat(14)], 'at most 13 tokens'],
    [
      'a mask of another size than the image',
      ['inpaint', 'image.png', 'a cat', '--mask', 'other-size.png'],
      "expected a mask of the image's size 16 × 16, got 16 × 12",
    ],
    [
      'a mask of nothing',
      ['inpaint', 'image.png', 'a cat', '--mask', 'black.png'],
      'expected a mask with something to repaint, got an empty one',
    ],
    [
      'a canvas larger than images can be',
      ['outpaint', 'image.png', 'a cat', '--left', '1000000'],
      'expected the grown image to be of at most 32766 pixels a side, got one of 1000016 × 16',
    ],
    [
      'growth over more windows than there are random numbers for',
      ['outpaint', 'image.png', 'a cat', '--left', '2000', '--top', '2000'],
      'expected to grow over at most 32768 windows, got 63000 windows of 16 pixels: grow in steps',
    ],
    ['an edit to emoji', ['edit', 'image.png', 'a 🐈'], 'got 🐈 (U+1F408): leave them out'],
    [
      'a second stage of a model that has none',
      ['upscale', 'image.png', 'a cat'],
      'expected a model with a super-resolution stage, got one without',
    ],
    [
      'settings of a second stage that is not there',
      ['generate', 'a cat', '--super-res-steps', '3'],
      'expected a model with a super-resolution stage, got one without',
    ],
    [
      'ids outside of the codebook',
      ['decode-tokens', 'ids.json'],
      'expected token ids in [0, 13), got 99 at position 1',
    ],
  ])('%s', async (_, args, message) => expect(await refused(args)).toContain(message));

  it.each([
    ['./absent', 'got ./absent: not there'],
    ['@muse/absent', 'got neither: npm install @muse/absent, or give a path'],
    ['out', 'expected a model folder with model_index.json'],
  ])('a model that is not there: %s', async (model, message) => {
    expect(await refused(['generate', 'a cat', '--model', model])).toContain(message);
  });

  it.each(['model_index.json', 'text_encoder/tokenizer.json', 'transformer/config.json', 'vqgan/model.safetensors'])(
    'a model folder without %s',
    async (file) => {
      const model = join(work.folder, '../spoiled');
      await cp(work.model, model, { recursive: true });
      await rm(join(model, file));
      try {
        expect(await refused(['generate', 'a cat', '--model', model])).toContain(file.split('/').at(-1)!);
      } finally {
        await rm(model, { recursive: true });
      }
    },
  );

  const hasPrlimit = spawnSync('prlimit', ['--version']).status === 0;
  // A limit on file sizes makes write(2) fail in the middle, as a full disk does.
  it.skipIf(!hasPrlimit)('a disk that takes no more (needs prlimit of util-linux)', async () => {
    const wrapper = ['prlimit', '--fsize=300:300'];
    expect(await refused(['generate', 'a cat', '--steps', '1', '--output', 'out'], { wrapper })).toContain(
      'a file larger than allowed (EFBIG)',
    );
  });
});
