import { existsSync, realpathSync } from 'node:fs';
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnsupportedBackendError } from '../index.js';
import { installTensorflow } from './index.js';

const installed = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
const libraryLink = join(installed, 'deps/lib/libtensorflow_cc.so.2');
const isLinux = process.platform === 'linux' && process.arch === 'x64';

/** A copy of tfjs-node without its compiled addon, an empty cache, and a PATH with chosen tools. */
let folder: string;
let tfjsNodeDir: string;
let cacheDir: string;
const path = process.env.PATH;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'muse-install-'));
  tfjsNodeDir = join(folder, 'tfjs-node');
  cacheDir = join(folder, 'cache');
  await mkdir(tfjsNodeDir);
  await cp(join(installed, 'binding'), join(tfjsNodeDir, 'binding'), { recursive: true });
});

afterEach(async () => {
  process.env.PATH = path;
  await rm(folder, { recursive: true, force: true });
});

async function onlyTools(tools: Readonly<Record<string, string>>): Promise<void> {
  const bin = join(folder, 'bin');
  await mkdir(bin, { recursive: true });
  for (const [name, script] of Object.entries(tools)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(bin, name), 0o755);
  }
  process.env.PATH = bin;
}

describe.skipIf(!isLinux)('installTensorflow', () => {
  it('says that pip is missing, and how to get it', async () => {
    await onlyTools({});
    const install = installTensorflow({ tfjsNodeDir, cacheDir });
    await expect(install).rejects.toThrow(UnsupportedBackendError);
    await expect(install).rejects.toThrow('expected pip, got none (to get it: apt-get install python3-pip)');
  });

  it('tries the next pip when Python has none', async () => {
    await onlyTools({ python3: 'echo "No module named pip" >&2; exit 1', pip3: 'echo "no network" >&2; exit 1' });
    const install = installTensorflow({ tfjsNodeDir, cacheDir });
    await expect(install).rejects.toThrow('expected pip to download tensorflow-cpu, got no network');
  });

  it('says that unzip is missing, and keeps the wheel', async () => {
    await onlyTools({});
    const wheel = join(cacheDir, 'libtensorflow-2.15.1', 'tensorflow_cpu-2.15.1.whl');
    await mkdir(dirname(wheel), { recursive: true });
    await writeFile(wheel, '');
    await expect(installTensorflow({ tfjsNodeDir, cacheDir })).rejects.toThrow('expected unzip, got none');
    expect(existsSync(wheel)).toBe(true);
  });

  it('throws away a wheel that does not unpack, so that the next call fetches it again', async () => {
    await onlyTools({ unzip: 'echo "End-of-central-directory signature not found" >&2; exit 9' });
    const wheel = join(cacheDir, 'libtensorflow-2.15.1', 'tensorflow_cpu-2.15.1.whl');
    await mkdir(dirname(wheel), { recursive: true });
    await writeFile(wheel, 'half a file');
    await expect(installTensorflow({ tfjsNodeDir, cacheDir })).rejects.toThrow('signature not found');
    expect(existsSync(wheel)).toBe(false);
  });

  it('asks for the CUDA libraries that the wheel names, where tfjs-node-gpu is installed', async () => {
    await writeFile(join(tfjsNodeDir, 'package.json'), '{ "name": "@tensorflow/tfjs-node-gpu" }');
    const wheel = join(cacheDir, 'libtensorflow-gpu-2.15.1', 'tensorflow-2.15.1-cp311.whl');
    await mkdir(dirname(wheel), { recursive: true });
    await writeFile(wheel, '');
    const requirements = ['numpy (<2.0.0,>=1.23.5)', "nvidia-cudnn-cu12 (==8.9.4.25) ; extra == 'and-cuda'"];
    const asked = join(folder, 'asked');
    await onlyTools({
      unzip: requirements.map((one) => `echo "Requires-Dist: ${one}"`).join('\n'),
      pip3: `echo "$@" > ${asked}; echo "no network" >&2; exit 1`,
    });
    const install = installTensorflow({ tfjsNodeDir, cacheDir });
    await expect(install).rejects.toThrow("expected pip to download NVIDIA's libraries, got no network");
    expect(await readFile(asked, 'utf8')).toMatch(/ nvidia-cudnn-cu12==8\.9\.4\.25\n$/);
  });

  it.skipIf(!existsSync(libraryLink))('compiles against an unpacked libtensorflow, and only once', async () => {
    // The cache of the machine: `<cache>/libtensorflow-2.15.1/tensorflow/libtensorflow_cc.so.2`.
    const shared = dirname(dirname(dirname(realpathSync(libraryLink))));
    const steps: string[] = [];
    const onProgress = ({ status }: { status: string }) => steps.push(status);
    await installTensorflow({ tfjsNodeDir, cacheDir: shared, onProgress });
    expect(steps).toEqual(['compile', 'done']);
    await onlyTools({}); // nothing is needed the second time
    await installTensorflow({ tfjsNodeDir, cacheDir: shared, onProgress });
    expect(steps).toEqual(['compile', 'done', 'done']);
  });
});
