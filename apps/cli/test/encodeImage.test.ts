import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fixturePath } from '@muse/fixtures';
import { decodePng, encodePng } from '@muse/muse';
import { loadGolden } from '@muse/test-utils';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMuse } from './runMuse.js';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-cli-vqgan-'));
  await cp(fixturePath('vqgan/taming'), join(folder, 'taming'), { recursive: true });
  await cp(fixturePath('amused/amused-tiny/vqvae'), join(folder, 'vqmodel'), { recursive: true });
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) => runMuse([...args, '--device', 'wasm'], { cwd: folder });

/** A golden [B, 3, H, W]'s first image as 8 bits per channel. */
function firstImage(tensor: { shape: readonly number[]; data: Float32Array | Int32Array }) {
  const [, , height, width] = tensor.shape as [number, number, number, number];
  const data = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) data[4 * i + c] = Math.floor(255 * tensor.data[c * width * height + i]! + 0.5);
  }
  return { width, height, data };
}

describe('muse encode-image and decode-tokens with a VQGAN alone', () => {
  it('decodes upstream’s ids to upstream’s image', async () => {
    const expected = loadGolden(fixturePath('vqgan/taming/expected.safetensors'));
    const [h, w] = expected.get('token_ids')!.shape.slice(1) as [number, number];
    const ids = [...expected.get('token_ids')!.data.slice(0, h * w)];
    await writeFile(join(folder, 'ids.json'), JSON.stringify({ grid: [h, w], steps: [ids] }));
    const { code, stderr } = await run('decode-tokens', 'ids.json', '--model', './taming', '--output', 'out.png');
    expect(stderr).not.toContain('muse:');
    expect(code).toBe(0);
    const image = decodePng(new Uint8Array(await readFile(join(folder, 'out.png'))));
    const wanted = firstImage(expected.get('decoded')!);
    expect([image.width, image.height]).toEqual([wanted.width, wanted.height]);
    const differences = [...image.data].map((value, at) => Math.abs(value - wanted.data[at]!));
    // Where a value lies between two, the last bit of f32 decides.
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
  });

  it.each(['./taming', './vqmodel'])('gives ids that decode, of %s', async (model) => {
    const source = model === './taming' ? 'vqgan/taming/inputs.safetensors' : 'amused/amused-tiny/inputs.safetensors';
    const images = loadGolden(fixturePath(source)).get(model === './taming' ? 'images' : 'vq.images')!;
    await writeFile(join(folder, 'in.png'), encodePng(firstImage(images)));
    const encoded = await run('encode-image', 'in.png', '--model', model, '--output', 'tokens.json', '--force');
    expect(encoded.stdout).toMatch(/^tokens\.json {2}\d+ × \d+ tokens\n$/);
    const decoded = await run('decode-tokens', 'tokens.json', '--model', model, '--output', 'back.png', '--force');
    const [, , height, width] = images.shape;
    expect(decoded.stdout).toBe(`back.png  ${width} × ${height}\n`);
  });

  it('says what can’t be', async () => {
    const tokens = { grid: [1, 1], steps: [[0]], superRes: { grid: [1, 1], steps: [[0]] } };
    await writeFile(join(folder, 'two.json'), JSON.stringify(tokens));
    const staged = await run('decode-tokens', 'two.json', '--model', './taming');
    expect(staged.stderr).toContain('--stage super-res: ./taming is a VQGAN alone, of one stage');
    await writeFile(join(folder, 'one.json'), JSON.stringify({ grid: [1, 1], steps: [[37]] }));
    const strange = await run('decode-tokens', 'one.json', '--model', './taming');
    expect(strange.stderr).toContain('expected token ids in [0, 37), got 37 at position 0');
    expect([staged.code, strange.code]).toEqual([2, 2]);
  });
});
