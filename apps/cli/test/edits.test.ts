import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodePng, encodePng, type RgbaImage, readPngText } from '@muse/muse';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeWorkplace, type Run, runMuse, type Workplace } from './runMuse.js';

let work: Workplace;
beforeAll(async () => {
  work = await makeWorkplace();
});
afterAll(() => work.remove());

const here = (name: string) => join(work.folder, name);
const read = async (name: string) => decodePng(await readFile(here(name)));
const record = async (name: string) => JSON.parse(readPngText(await readFile(here(name))).muse!);

/** Every pixel another colour; alpha too where wanted. */
function picture(width: number, height: number, alpha = (_: number) => 255): RgbaImage {
  const data = Uint8ClampedArray.from({ length: width * height * 4 }, (_, i) =>
    i % 4 === 3 ? alpha(i >> 2) : (i * 31 + (i >> 4)) % 256,
  );
  return { width, height, data };
}

async function place(name: string, image: RgbaImage): Promise<RgbaImage> {
  await writeFile(here(name), encodePng(image));
  return image;
}

/** Runs; expects success. */
async function done(args: readonly string[]): Promise<Run> {
  const run = await work.run(args);
  expect(run.code, run.stderr).toBe(0);
  return run;
}

/** Pixels that differ between an image and a part of another that begins at (left, top). */
function differing(small: RgbaImage, large: RgbaImage, left = 0, top = 0): [x: number, y: number][] {
  const found: [number, number][] = [];
  for (let y = 0; y < small.height; y++) {
    for (let x = 0; x < small.width; x++) {
      const a = 4 * (y * small.width + x);
      const b = 4 * ((y + top) * large.width + x + left);
      if ([0, 1, 2, 3].some((c) => small.data[a + c] !== large.data[b + c])) found.push([x, y]);
    }
  }
  return found;
}

describe('muse inpaint', () => {
  it('changes the box alone, names the file after image, verb and seed, and says in it how it was made', async () => {
    const image = await place(
      'My photo.png',
      picture(37, 23, (i) => (i % 5) * 60),
    );
    const args = ['inpaint', 'My photo.png', 'a red cat', '--box', '10,5,9,7', '--seed', '7', '--steps', '2'];
    const { stdout, stderr } = await done([...args, '--negative', 'a dog']);
    expect(stdout).toMatch(/^My photo-inpaint-7\.png {2}seed 7 {2}wasm {2}\d+\.\d s\n$/);
    expect(stderr).toContain('Loading ');
    const changed = differing(image, await read('My photo-inpaint-7.png'));
    expect(changed.length).toBeGreaterThan(30);
    expect(changed.every(([x, y]) => x >= 10 && x < 19 && y >= 5 && y < 12)).toBe(true);
    const text = readPngText(await readFile(here('My photo-inpaint-7.png')));
    expect(text).toMatchObject({ Description: 'a red cat', Software: 'muse' });
    expect(JSON.parse(text.muse!)).toMatchObject({
      modelName: 'tiny',
      device: 'wasm',
      seed: 7,
      settings: { prompt: 'a red cat', negativePrompt: 'a dog', numSteps: 2 },
      edit: { verb: 'inpaint', input: 'My photo.png', box: [10, 5, 9, 7] },
    });
  });

  it('repaints what is white or transparent in the mask, and gives the same bytes for the same seed', async () => {
    const image = await place('scene.png', picture(16, 16));
    const mask = { width: 16, height: 16, data: new Uint8ClampedArray(16 * 16 * 4) };
    for (let i = 0; i < 256; i++) {
      const [x, y] = [i % 16, i >> 4];
      const isWhite = x >= 8 && y >= 8;
      mask.data.set(isWhite ? [255, 255, 255, 255] : [0, 0, 0, x < 4 && y < 4 ? 0 : 255], 4 * i);
    }
    await place('mask.png', mask);
    const args = ['inpaint', 'scene.png', 'a cat', '--mask', 'mask.png', '--seed', '1', '--steps', '2', '--output'];
    await done([...args, 'masked.png']);
    const changed = differing(image, await read('masked.png'));
    expect(changed.every(([x, y]) => (x >= 8 && y >= 8) || (x < 4 && y < 4))).toBe(true);
    for (const inPart of [(x: number) => x >= 8, (x: number) => x < 4]) {
      expect(changed.filter(([x]) => inPart(x)).length).toBeGreaterThan(5);
    }
    expect(await record('masked.png')).toMatchObject({ edit: { mask: 'mask.png' } });
    await done([...args, 'again.png']);
    expect((await readFile(here('again.png'))).equals(await readFile(here('masked.png')))).toBe(true);
  });

  it('takes a mask of everything for a fresh image: what generate makes of the seed', async () => {
    await place('full.png', picture(16, 16));
    await done(['inpaint', 'full.png', 'a cat', '--box', '0,0,16,16', '--seed', '5', '--output', 'fresh.png']);
    await done(['generate', 'a cat', '--seed', '5', '--output', 'generated.png']);
    expect(await read('fresh.png')).toEqual(await read('generated.png'));
  });

  it('takes an image smaller than a token, and a box that reaches beyond it', async () => {
    await place('dot.png', picture(1, 1));
    await done(['inpaint', 'dot.png', 'a cat', '--box', '-2,-2,9,9', '--seed', '1', '--steps', '1']);
    expect(await read('dot-inpaint-1.png')).toMatchObject({ width: 1, height: 1 });
  });

  it('turns a JPEG upright before the box is laid on it', async () => {
    const { width, height, data } = picture(20, 12);
    const jpeg = sharp(data, { raw: { width, height, channels: 4 } })
      .removeAlpha()
      .withMetadata({ orientation: 6 });
    await writeFile(here('phone.jpg'), await jpeg.jpeg().toBuffer());
    await done(['inpaint', 'phone.jpg', 'a cat', '--box', '0,15,12,5', '--seed', '1', '--steps', '1']);
    const upright = await sharp(here('phone.jpg')).autoOrient().ensureAlpha().raw().toBuffer();
    const seen = { width: 12, height: 20, data: new Uint8ClampedArray(upright) };
    const changed = differing(seen, await read('phone-inpaint-1.png'));
    expect(changed.length).toBeGreaterThan(20);
    expect(changed.every(([, y]) => y >= 15)).toBe(true);
  });

  // Some ten seconds of one core, many times that where others have it.
  it('takes 8000 × 8000 pixels', { timeout: 600_000 }, async () => {
    const background = { r: 90, g: 140, b: 190 };
    const large = sharp({ create: { width: 8000, height: 8000, channels: 3, background } });
    await writeFile(here('large.jpg'), await large.jpeg().toBuffer());
    await done([
      'inpaint',
      'large.jpg',
      'a cat',
      '--box',
      '4000,100,300,200',
      '--seed',
      '1',
      '--steps',
      '1',
      '--quiet',
    ]);
    const { data, info } = await sharp(here('large-inpaint-1.png')).raw().toBuffer({ resolveWithObject: true });
    expect(info).toMatchObject({ width: 8000, height: 8000, channels: 3 });
    // One colour all over but in the box.
    const row = Buffer.alloc(3 * 8000, data.subarray(0, 3));
    let numChanged = 0;
    for (let y = 0; y < 8000; y++) {
      const seen = data.subarray(3 * 8000 * y, 3 * 8000 * (y + 1));
      if (seen.equals(row)) continue;
      numChanged++;
      expect(y >= 100 && y < 300).toBe(true);
      expect(seen.subarray(0, 3 * 4000).equals(row.subarray(0, 3 * 4000))).toBe(true);
      expect(seen.subarray(3 * 4300).equals(row.subarray(3 * 4300))).toBe(true);
    }
    expect(numChanged).toBeGreaterThan(100);
    const first = await sharp(here('large.jpg')).extract({ left: 0, top: 0, width: 1, height: 1 }).raw().toBuffer();
    expect(first).toEqual(data.subarray(0, 3));
  });
});

describe('muse outpaint', () => {
  it('grows an image on the sides that are named, and keeps its pixels', async () => {
    const image = await place('small.png', picture(16, 11));
    const args = ['outpaint', 'small.png', 'a cat', '--left', '5', '--top', '2', '--right', '30'];
    await done([...args, '--seed', '1', '--steps', '1']);
    const grown = await read('small-outpaint-1.png');
    expect([grown.width, grown.height]).toEqual([51, 13]);
    expect(differing(image, grown, 5, 2)).toEqual([]);
    expect(await record('small-outpaint-1.png')).toMatchObject({
      settings: { left: 5, right: 30, top: 2, bottom: 0 },
      edit: { verb: 'outpaint', input: 'small.png' },
    });
  });
});

describe('muse edit', () => {
  it('iterates as often as strength says, and shows every iteration', async () => {
    await place('before.png', picture(16, 16));
    const args = ['edit', 'before.png', 'a red dog', '--negative', 'a cat', '--iterations', '20', '--strength', '0.35'];
    const { stdout } = await done([...args, '--seed', '3', '--steps-strip', '--steps-gif']);
    expect(stdout.split('\n').map((line) => line.split('  ')[0])).toEqual([
      'before-edit-3.png',
      'before-edit-3-steps.png',
      'before-edit-3-steps.gif',
      '',
    ]);
    // 7 iterations side by side, 2 pixels apart.
    expect(await read('before-edit-3-steps.png')).toMatchObject({ width: 7 * 18 - 2, height: 16 });
    expect(await sharp(here('before-edit-3-steps.gif')).metadata()).toMatchObject({ width: 256, pages: 7 });
    expect(await record('before-edit-3.png')).toMatchObject({
      settings: { numSteps: 20, strength: 0.35, remaskRatio: 0.08, guidanceScale: 4, topK: 3, negativePrompt: 'a cat' },
    });
  });

  it('keeps the pixels of tokens that stay, when it is asked to', async () => {
    const image = await place('kept.png', picture(16, 16));
    const args = ['edit', 'kept.png', 'a dog', '--seed', '1', '--iterations', '1', '--remask-ratio', '0.1'];
    await done([...args, '--output', 'all.png']);
    await done([...args, '--preserve-outside', '--output', 'outside.png']);
    // 6 of 64 tokens of 2 × 2 pixels, at most.
    const changed = differing(image, await read('outside.png'));
    expect(changed.length).toBeLessThanOrEqual(6 * 4);
    expect(differing(image, await read('all.png')).length).toBeGreaterThan(6 * 4);
  });
});

describe('muse variations', () => {
  it('makes several, of the input’s size, with a sheet and a report', async () => {
    await mkdir(here('like'));
    await place('pet.png', picture(21, 16));
    const args = ['variations', 'pet.png', '--count', '3', '--seed', '4', '--steps', '2', '--output', 'like'];
    const { stdout, stderr } = await done([...args, '--grid', '--json', '--quiet']);
    expect(stderr).toBe('');
    const names = [4, 5, 6].map((seed) => `pet-variations-${seed}.png`);
    expect((await readdir(here('like'))).sort()).toEqual([...names, 'pet-variations-4-grid.png'].sort());
    const report = JSON.parse(stdout);
    expect(report.images.map(({ path }: { path: string }) => path)).toEqual(names.map((name) => here(`like/${name}`)));
    expect(report.images[2]).toMatchObject({
      prompt: '',
      seed: 6,
      width: 21,
      height: 16,
      settings: { strength: 0.5 },
      edit: { verb: 'variations', input: 'pet.png' },
    });
    expect(readPngText(await readFile(here(`like/${names[0]}`)))).not.toHaveProperty('Description');
    expect((await read(`like/${names[0]}`)).data).not.toEqual((await read(`like/${names[1]}`)).data);
  });

  it('is the reconstruction at strength 0, with no steps to show, and a fresh image at 1', async () => {
    await place('own.png', picture(16, 16));
    const args = ['variations', 'own.png', 'a cat', '--seed', '2', '--steps-gif', '--output'];
    const none = await done([...args, 'none.png', '--strength', '0']);
    expect(none.stdout).toMatch(/^none\.png .*\n$/);
    await done(['encode-image', 'own.png', '--output', 'own.json']);
    await done(['decode-tokens', 'own.json', '--output', 'decoded.png']);
    expect(await read('none.png')).toEqual(await read('decoded.png'));
    await done([...args, 'all-new.png', '--strength', '1']);
    await done(['generate', 'a cat', '--seed', '2', '--output', 'fresh-2.png']);
    expect(await read('all-new.png')).toEqual(await read('fresh-2.png'));
  });
});

describe('a model of two stages', () => {
  const cascade = () => ['--model', work.cascade, '--steps', '2'];

  it('generates the fine image, or stops at the coarse one, and --from repeats either', async () => {
    await done(['generate', 'a cat', '--seed', '1', '--output', 'fine.png', '--super-res-steps', '2', ...cascade()]);
    const fine = await read('fine.png');
    expect([fine.width, fine.height]).toEqual([32, 32]);
    expect(await record('fine.png')).toMatchObject({ settings: { superRes: true, superResSampling: { numSteps: 2 } } });
    await done(['generate', 'a cat', '--seed', '1', '--output', 'coarse.png', '--no-super-res', ...cascade()]);
    const coarse = await read('coarse.png');
    expect([coarse.width, coarse.height]).toEqual([16, 16]);
    for (const name of ['fine', 'coarse']) {
      const again = ['generate', '--from', `${name}.png`, '--output', `${name}-again.png`];
      const { code, stderr } = await runMuse(again, { cwd: work.folder });
      expect(code, stderr).toBe(0);
      expect((await readFile(here(`${name}-again.png`))).equals(await readFile(here(`${name}.png`)))).toBe(true);
    }
    const other = ['generate', '--from', 'coarse.png', '--super-res', '--super-res-steps', '2', '--output', 'both.png'];
    expect((await runMuse(other, { cwd: work.folder })).code).toBe(0);
    expect(await read('both.png')).toEqual(fine);
  });

  it('upscales an image by its second stage alone', async () => {
    await place('flat.png', picture(16, 10));
    const args = ['upscale', 'flat.png', 'a cat', '--seed', '1', '--steps-strip', ...cascade()];
    await done(args);
    expect(await read('flat-upscale-1.png')).toMatchObject({ width: 32, height: 20 });
    expect(await read('flat-upscale-1-steps.png')).toMatchObject({ width: 66, height: 32 });
    expect(await record('flat-upscale-1.png')).toMatchObject({
      settings: { prompt: 'a cat', numSteps: 2 },
      edit: { verb: 'upscale' },
    });
  });

  it.each([
    ['inpaint', 'a cat', '--box', '3,4,5,6'],
    ['outpaint', 'a cat', '--left', '3'],
    ['edit', 'a cat', '--iterations', '2'],
    ['variations', 'a cat', '--strength', '0.3'],
  ])('serves %s, whose steps of both sizes make one animation', async (verb, prompt, ...own) => {
    const image = await place(`${verb}.png`, picture(16, 16));
    const steps = verb === 'edit' ? [] : ['--steps', '1'];
    const rest = [
      '--seed',
      '1',
      '--super-res-steps',
      '1',
      '--steps-gif',
      '--model',
      work.cascade,
      '--preserve-outside',
    ];
    const args = [verb, `${verb}.png`, prompt, ...own, ...steps, ...rest];
    await done(verb === 'inpaint' || verb === 'outpaint' ? args.slice(0, -1) : args);
    const edited = await read(`${verb}-${verb}-1.png`);
    expect([edited.width, edited.height]).toEqual([verb === 'outpaint' ? 19 : 16, 16]);
    expect(differing(image, edited, verb === 'outpaint' ? 3 : 0).length).toBeLessThan(256);
    expect(await sharp(here(`${verb}-${verb}-1-steps.gif`)).metadata()).toMatchObject({ width: 256, height: 256 });
  });
});

describe('all that make images of an image', () => {
  it('never overwrite the input or another file unless told to', async () => {
    await place('taken.png', picture(16, 16));
    const before = await readFile(here('taken.png'));
    const args = ['variations', 'taken.png', '--seed', '1', '--steps', '1'];
    await writeFile(here('taken-variations-1.png'), 'precious');
    expect((await done(args)).stdout).toContain('taken-variations-1-2.png');
    expect((await readFile(here('taken-variations-1.png'))).toString()).toBe('precious');
    await done([...args, '--output', 'taken.png', '--force']);
    expect((await readFile(here('taken.png'))).equals(before)).toBe(false);
  });

  const tokens = async (name: string) => JSON.parse(await readFile(here(name), 'utf8'));

  it.each([
    ['inpaint', ['--box', '4,4,8,8', '--steps', '3'], 3],
    ['edit', ['--steps', '4', '--strength', '0.5'], 2],
    ['variations', ['--strength', '0.5', '--steps', '3'], 3],
    ['variations', ['--strength', '0'], 1],
  ])('save the tokens of each step: %s %j', async (verb, own, numSteps) => {
    const image = await place('square.png', picture(16, 16));
    const files = ['--tokens', 'square.json', '--output', 'square-made.png', '--force'];
    await done([verb, 'square.png', 'a cat', '--seed', '1', ...own, ...files]);
    const { region, grid, steps } = await tokens('square.json');
    expect({ region, grid }).toEqual({ region: [0, 0, 16, 16], grid: [8, 8] });
    expect(steps).toHaveLength(numSteps);
    const masked = steps.map((ids: number[]) => ids.filter((id) => id === 13).length);
    expect(masked.at(-1)).toBe(0);
    if (verb === 'inpaint') expect(masked[0]).toBeGreaterThan(masked[1]);
    await done(['decode-tokens', 'square.json', '--output', 'square-decoded.png', '--force']);
    const [made, decoded] = [await read('square-made.png'), await read('square-decoded.png')];
    // The last step is the image; of inpaint within the box, less its seam.
    const differences = differing(decoded, made);
    if (verb !== 'inpaint') expect(differences).toEqual([]);
    else expect(differences.every(([x, y]) => x < 6 || x >= 10 || y < 6 || y >= 10)).toBe(true);
    expect(differing(image, made).length).toBeGreaterThan(0);
  });

  it('save the tokens of both stages, and of each window of an image that grows', async () => {
    await place('narrow.png', picture(16, 16));
    const stages = ['--model', work.cascade, '--steps', '2', '--seed', '1'];
    const both = ['--super-res-steps', '1', ...stages];
    await done(['outpaint', 'narrow.png', 'a cat', '--right', '16', '--tokens', 'grown.json', ...both]);
    const { windows } = await tokens('grown.json');
    expect(windows.length).toBeGreaterThan(1);
    for (const { region, grid, steps, superRes } of windows) {
      expect(region.slice(1)).toEqual([0, 16, 16]);
      expect([grid, superRes.grid]).toEqual([
        [8, 8],
        [16, 16],
      ]);
      expect([steps.length, superRes.steps.length]).toEqual([2, 1]);
    }
    expect(windows.at(-1).region[0]).toBe(16);
    const decode = ['decode-tokens', 'grown.json', '--model', work.cascade, '--window', '1', '--output', 'window.png'];
    await done(decode);
    expect(await read('window.png')).toMatchObject({ width: 32, height: 32 });
    // The base's are the image's own; two images get a file each.
    const two = ['--count', '2', '--tokens', 'fine.json'];
    await done(['upscale', 'narrow.png', 'a cat', ...two, ...stages]);
    await done(['encode-image', 'narrow.png', '--model', work.cascade, '--output', 'coarse.json']);
    for (const seed of [1, 2]) {
      const { steps, superRes } = await tokens(`fine-narrow-upscale-${seed}.json`);
      expect(steps).toEqual((await tokens('coarse.json')).steps);
      expect(superRes.steps).toHaveLength(2);
    }
  });

  it('are not repeated by generate --from, which says why', async () => {
    await place('source.png', picture(16, 16));
    await done(['variations', 'source.png', '--seed', '1', '--steps', '1']);
    const { code, stderr } = await work.run(['generate', '--from', 'source-variations-1.png']);
    expect(code).toBe(2);
    expect(stderr).toMatch(
      /^muse: --from: .* was made of source\.png by muse variations: only images of muse generate/,
    );
  });

  it('stop within a step on Ctrl-C, with exit code 130 and without a half file', async () => {
    await mkdir(here('stopped'));
    await place('long.png', picture(16, 16));
    let sentMs = 0;
    const args = ['edit', 'long.png', 'a dog', '--iterations', '100000', '--output', 'stopped', '--seed', '1'];
    const { code, stdout, stderr } = await work.run(args, {
      onStderr: (text, child) => {
        if (sentMs > 0 || !text.includes('Step ')) return;
        sentMs = Date.now();
        child.kill('SIGINT');
      },
    });
    expect(code).toBe(130);
    expect(stdout).toBe('');
    expect(stderr.split('\n').slice(-2)).toEqual(['muse: stopped', '']);
    expect(Date.now() - sentMs).toBeLessThan(10_000);
    expect(await readdir(here('stopped'))).toEqual([]);
  });
});
