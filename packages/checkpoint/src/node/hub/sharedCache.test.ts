import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type HubServer, startHubServer } from '@muse/hub-server';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { emptyHubHome } from '../../../test/emptyHubHome.js';
import { readBytes } from '../../readFile.js';
import { downloadModel } from './downloadModel.js';
import { listCache } from './listCache.js';
import { resolveFolder } from './resolveFolder.js';

const text = (content: string) => new TextEncoder().encode(content);
const weights = Uint8Array.from({ length: 50_021 }, (_, i) => i % 241);
const files = new Map([
  ['model_index.json', text('{ "components": { "vqgan": "VQGAN" } }')],
  ['vqgan/config.json', text('{}')],
  ['vqgan/model.safetensors', weights],
]);

const run = promisify(execFile);
/** That of `pnpm bench --with-pytorch` has huggingface_hub. */
const pythons = [join(homedir(), '.cache/muse/bench/python/bin/python'), 'python3'];

async function findPython(): Promise<string | undefined> {
  for (const python of pythons) {
    const found = await run(python, ['-c', 'import huggingface_hub']).catch(() => undefined);
    if (found) return python;
  }
  return undefined;
}

let python: string | undefined;
let server: HubServer;
beforeAll(async () => {
  python = await findPython();
  server = await startHubServer({ 'org/model': { files } });
});
afterAll(() => server.close());
const home = emptyHubHome(() => server);

/** Of a program in Python what it prints, as JSON. */
async function inPython(program: string): Promise<unknown> {
  const { stdout } = await run(python!, ['-c', `import json, huggingface_hub as hub\n${program}`]);
  return JSON.parse(stdout);
}

describe("the cache of Python's huggingface_hub", () => {
  test('has there what was fetched here', async ({ skip }) => {
    if (!python) skip('no Python with huggingface_hub');
    await downloadModel('org/model');
    const fetched = server.requests.length;
    const path = await inPython(
      "print(json.dumps(hub.hf_hub_download('org/model', 'vqgan/model.safetensors', local_files_only=True)))",
    );
    expect(new Uint8Array(await readFile(path as string))).toEqual(weights);
    const scanned = await inPython(
      'info = hub.scan_cache_dir()\n' +
        'print(json.dumps([[[r.repo_id, r.nb_files, r.size_on_disk] for r in info.repos], [str(w) for w in info.warnings]]))',
    );
    const sizeBytes = [...files.values()].reduce((sum, { length }) => sum + length, 0);
    expect(scanned).toEqual([[['org/model', files.size, sizeBytes]], []]);
    expect(server.requests.length).toBe(fetched);
  });

  test('has here what was fetched there', async ({ skip }) => {
    if (!python) skip('no Python with huggingface_hub');
    await inPython("print(json.dumps(hub.snapshot_download('org/model')))");
    server.requests.length = 0;
    const folder = await resolveFolder('org/model', { offline: true });
    expect(await readBytes(folder, 'vqgan/model.safetensors')).toEqual(weights);
    expect(await folder.has('vqgan/pytorch_model.bin')).toBe(false);
    const [model] = await listCache(join(home(), 'hub'));
    expect(model).toMatchObject({ id: 'org/model', revisions: [{ commit: server.commitOf('org/model') }] });
    expect(server.requests).toEqual([]);
  });
});
