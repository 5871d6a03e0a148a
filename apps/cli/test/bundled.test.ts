import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodePng, encodePng, readPngText } from '@muse/muse';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runMuse } from './runMuse.js';

// The model that comes with the command: no --model is given. What its images are like is for its model card.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-bundled-'));
  const data = Uint8ClampedArray.from({ length: 90 * 70 * 4 }, (_, i) => (i % 4 === 3 ? 255 : (i * 7) % 256));
  await writeFile(join(folder, 'photo.png'), encodePng({ width: 90, height: 70, data }));
});
afterAll(() => rm(folder, { recursive: true }));

const read = async (name: string) => decodePng(await readFile(join(folder, name)));

it.each([
  ['inpaint', ['a smiling cat, 3D style', '--box', '40,20,30,25', '--steps', '1'], [90, 70], [0, 0]],
  ['outpaint', ['a smiling cat, 3D style', '--left', '9', '--steps', '1'], [99, 70], [9, 0]],
  ['edit', ['a dog, 3D style', '--negative', 'a cat, 3D style', '--iterations', '2'], [90, 70], undefined],
  ['variations', ['--steps', '1'], [90, 70], undefined],
] as const)('muse %s runs on the bundled model', async (verb, args, [width, height], kept) => {
  const { code, stderr } = await runMuse([verb, 'photo.png', ...args, '--seed', '1', '--device', 'wasm'], {
    cwd: folder,
  });
  expect(code, stderr).toBe(0);
  const made = await read(`photo-${verb}-1.png`);
  expect([made.width, made.height]).toEqual([width, height]);
  const text = readPngText(await readFile(join(folder, `photo-${verb}-1.png`)));
  expect(JSON.parse(text.muse!)).toMatchObject({ model: '@muse/model-emoji', edit: { verb, input: 'photo.png' } });
  const input = await read('photo.png');
  let numDiffering = 0;
  let numOutside = 0;
  for (let y = 0; y < input.height; y++) {
    for (let x = 0; x < input.width; x++) {
      const from = 4 * (y * input.width + x);
      const to = 4 * ((y + (kept?.[1] ?? 0)) * made.width + x + (kept?.[0] ?? 0));
      if ([0, 1, 2, 3].every((c) => input.data[from + c] === made.data[to + c])) continue;
      numDiffering++;
      if (verb === 'outpaint' || x < 40 || x >= 70 || y < 20 || y >= 45) numOutside++;
    }
  }
  if (kept) expect(numOutside).toBe(0);
  if (verb !== 'outpaint') expect(numDiffering).toBeGreaterThan(300);
});
