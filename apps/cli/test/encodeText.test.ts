import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '@muse/checkpoint';
import { fileSource } from '@muse/checkpoint/node';
import { fixturePath } from '@muse/fixtures';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runMuse } from './runMuse.js';

// The golden T5 v1.1, whose 173 embeddings are enough for the word tokenizer's 157 ids.
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-cli-t5-'));
  await cp(fixturePath('t5/t5-v1_1-tiny'), join(folder, 't5'), { recursive: true });
  await cp(fixturePath('t5/t5-words/tokenizer.json'), join(folder, 't5/tokenizer.json'));
  await mkdir(join(folder, 'states'));
  await writeFile(join(folder, 'prompts.txt'), 'a smiling cat\n\n  two dogs\r\na smiling cat\n');
});
afterAll(() => rm(folder, { recursive: true }));

const run = (...args: string[]) =>
  runMuse(['encode-text', '--model', 't5', '--device', 'wasm', ...args], {
    cwd: folder,
    env: { MUSE_CACHE: join(folder, 'cache') },
  });

async function readStates(name: string) {
  const checkpoint = await openCheckpoint(await fileSource(join(folder, name)));
  const [embeds, mask] = [await checkpoint.read('embeds'), await checkpoint.read('mask')];
  await checkpoint.close();
  return { embeds, mask, metadata: checkpoint.metadata };
}

describe('muse encode-text with a T5 alone', () => {
  it('writes a file for each line, and keeps for later runs what it computed', async () => {
    const first = await run('--batch', 'prompts.txt', '--output', 'states', '--max-length', '9');
    expect(first.stderr).toContain('3 texts: reading ');
    expect(first.code).toBe(0);
    expect(first.stdout.split('\n')[1]).toMatch(/^states.two-dogs\.safetensors {2}embeds \[9, 44\], mask \[9\]$/);
    expect((await readdir(join(folder, 'states'))).sort()).toEqual([
      'a-smiling-cat.safetensors',
      'two-dogs.safetensors',
    ]);
    const { embeds, mask, metadata } = await readStates('states/a-smiling-cat.safetensors');
    expect(embeds.shape).toEqual([9, 44]);
    const numTokens = [...(mask.data as Float32Array)].reduce((sum, bit) => sum + bit, 0);
    expect(numTokens).toBe(4);
    expect(metadata).toEqual({ text: 'a smiling cat', model: expect.stringMatching(/t5$/) });
    // Padding is zeros, tokens are not.
    expect((embeds.data as Float32Array).slice(4 * 44).every((value) => value === 0)).toBe(true);
    expect((embeds.data as Float32Array).slice(0, 4 * 44).every((value) => value !== 0)).toBe(true);

    const second = await run('two dogs', '--output', 'again.safetensors', '--max-length', '9');
    expect(second.stderr).toContain('A text: reading 0.');
    expect(second.stderr).toContain(', 1 of 1 from the cache');
    expect(await readFile(join(folder, 'again.safetensors'))).toEqual(
      await readFile(join(folder, 'states/two-dogs.safetensors')),
    );
    const third = await run('two dogs', '--output', 'new.safetensors', '--max-length', '9', '--no-cache');
    expect(third.stderr).not.toContain('from the cache');
    expect(await readFile(join(folder, 'new.safetensors'))).toEqual(await readFile(join(folder, 'again.safetensors')));
  });

  it('is near with weights at 8 bits', async () => {
    expect((await run('a cat', '--output', 'exact.safetensors')).code).toBe(0);
    expect((await run('a cat', '--output', 'int8.safetensors', '--weights', 'int8')).code).toBe(0);
    const [exact, int8] = [await readStates('exact.safetensors'), await readStates('int8.safetensors')];
    expect(exact.embeds.shape).toEqual([64, 44]);
    const differences = (exact.embeds.data as Float32Array).map((value, at) =>
      Math.abs(value - (int8.embeds.data as Float32Array)[at]!),
    );
    const largest = Math.max(...differences);
    expect(largest).toBeGreaterThan(1e-4);
    expect(largest).toBeLessThan(0.5);
  });

  it.each<[string, string[], string]>([
    ['neither', [], 'expected a text or --batch, got neither'],
    ['both', ['a cat', '--batch', 'prompts.txt'], 'expected a text or --batch, got both'],
    ['a batch that is not there', ['--batch', 'absent.txt'], "--batch absent.txt can't be read"],
    ['a batch without texts', ['--batch', '/dev/null'], '--batch /dev/null: expected a text on each line, got none'],
    ['a file for several texts', ['--batch', 'prompts.txt', '--output', 'x.safetensors'], 'one file for 3 texts'],
    ['weights of another kind', ['a', '--weights', 'int4'], 'Allowed choices are file, int8'],
  ])('says what can’t be: %s', async (_, args, message) => {
    const { code, stderr } = await run(...args);
    expect(stderr).toMatch(/^muse: .*\n$/);
    expect(stderr).toContain(message);
    expect(code).toBe(2);
  });
});
