import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readlink, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { UnsupportedBackendError } from '../errors.js';
import { type CommandResult, runCommand } from './command.js';

/** The newest libtensorflow that tfjs-node 4.22 was measured with; its wheel carries the C headers too. */
const TENSORFLOW_VERSION = '2.15.1';
const WHEEL_PYTHON = '3.11';
const LIBRARIES = ['libtensorflow_cc.so.2', 'libtensorflow_framework.so.2'] as const;
/** What the addon needs of the wheel's 614 MB. */
const WHEEL_PARTS = [
  'tensorflow/*.so*',
  'tensorflow/include/tensorflow/c/*',
  'tensorflow/include/tensorflow/core/platform/*',
  'tensorflow/include/tsl/*',
];

const place = { package: 'backend', in: 'installTensorflow' } as const;

export interface InstallProgress {
  readonly status: 'download' | 'unpack' | 'compile' | 'done';
  readonly detail: string;
}

export interface InstallTensorflowOptions {
  /** Where libtensorflow is kept. Default: `muse` in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheDir?: string;
  /** Folder of @tensorflow/tfjs-node. Default: the one installed beside this package. */
  readonly tfjsNodeDir?: string;
  readonly onProgress?: (progress: InstallProgress) => void;
}

/**
 * Makes the installed @tensorflow/tfjs-node work where its own download of libtensorflow did not run or can't: takes
 * libtensorflow out of the PyPI wheel of tensorflow-cpu and links tfjs-node's addon against it. Steps that are done
 * already are skipped, so a second call takes about a second. Linux on x64; needs pip, unzip and g++.
 *
 * @throws UnsupportedBackendError naming the tool that is missing or the step that failed
 */
export async function installTensorflow({
  cacheDir = defaultCacheDir(),
  tfjsNodeDir,
  onProgress,
}: InstallTensorflowOptions = {}): Promise<void> {
  const report = (status: InstallProgress['status'], detail: string) => onProgress?.({ status, detail });
  const addon = tfjsNodeDir ?? findTfjsNode();
  if (await addonLoads(addon)) {
    report('done', `the addon in ${addon} works`);
    return;
  }
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    fail(
      `expected Linux on x64, got ${process.platform} on ${process.arch}; there run: npm rebuild @tensorflow/tfjs-node`,
    );
  }
  const library = join(cacheDir, `libtensorflow-${TENSORFLOW_VERSION}`);
  if (!LIBRARIES.every((name) => existsSync(join(library, 'tensorflow', name)))) {
    report('download', `tensorflow-cpu ${TENSORFLOW_VERSION} (208 MB) with pip`);
    const wheel = await downloadWheel(library);
    report('unpack', library);
    await unpackWheel(wheel, library);
  }
  report('compile', addon);
  await linkLibraries(addon, library);
  await compileAddon(addon, library);
  const problem = await addonProblem(addon);
  if (problem) fail(`expected the compiled addon to load, got ${problem}`);
  report('done', `libtensorflow ${TENSORFLOW_VERSION} in ${library}`);
}

function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muse');
}

/** Folder of the installed package; it is found without being loaded, since loading it is what fails. */
function findTfjsNode(): string {
  try {
    return dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-node/package.json'));
  } catch (cause) {
    throw new UnsupportedBackendError(
      place,
      'expected the package @tensorflow/tfjs-node, got none (to get it: npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0)',
      { cause },
    );
  }
}

function addonPath(addon: string): string {
  return join(addon, 'lib', 'napi-v8', 'tfjs_binding.node');
}

async function addonLoads(addon: string): Promise<boolean> {
  return existsSync(addonPath(addon)) && (await addonProblem(addon)) === undefined;
}

/** Loads the addon in a process of its own: a broken one may end the process, and a loaded one can't be replaced. */
async function addonProblem(addon: string): Promise<string | undefined> {
  const { code, stderr } = await runCommand(process.execPath, ['-e', 'require(process.argv[1])', addonPath(addon)]);
  if (code === 0) return undefined;
  return stderr.split('\n').find((line) => line.includes('Error')) ?? `exit code ${code}`;
}

/** The first pip there is; no virtual environment is needed, since nothing is installed. */
async function downloadWheel(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const wheels = () => readdirSync(folder).filter((name) => name.endsWith('.whl'));
  if (wheels().length === 0) {
    const args = ['download', '--quiet', '--no-deps', '--disable-pip-version-check', '--only-binary=:all:'];
    args.push('--python-version', WHEEL_PYTHON, '--platform', 'manylinux2014_x86_64', '--dest', folder);
    args.push(`tensorflow-cpu==${TENSORFLOW_VERSION}`);
    const pips = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;
    let result: CommandResult | undefined;
    for (const [command, ...prefix] of pips) {
      const tried = await runCommand(command, [...prefix, ...args]);
      const isMissing = tried.code === undefined || tried.stderr.includes('No module named pip');
      if (!isMissing) result = tried;
      if (result) break;
    }
    if (!result) fail('expected pip, got none (to get it: apt-get install python3-pip)');
    if (result.code !== 0) fail(`expected pip to download tensorflow-cpu, got ${lastLine(result.stderr)}`);
  }
  const [wheel] = wheels();
  if (!wheel) fail(`expected a wheel of tensorflow-cpu in ${folder}, got none`);
  return join(folder, wheel);
}

async function unpackWheel(wheel: string, folder: string): Promise<void> {
  // Unpacked beside its final place and renamed, so that a folder which is there is complete.
  const partial = join(folder, 'partial');
  await rm(partial, { recursive: true, force: true });
  const { code, stderr } = await runCommand('unzip', ['-q', '-o', wheel, ...WHEEL_PARTS, '-d', partial]);
  if (code === undefined) fail('expected unzip, got none (to get it: apt-get install unzip)');
  if (code !== 0) {
    await rm(wheel, { force: true }); // it may be half a download: the next call fetches it again
    fail(`expected ${wheel} to unpack, got ${lastLine(stderr)}`);
  }
  await rm(join(folder, 'tensorflow'), { recursive: true, force: true });
  await rename(join(partial, 'tensorflow'), join(folder, 'tensorflow'));
  await rm(partial, { recursive: true, force: true });
  await rm(wheel, { force: true });
}

async function linkLibraries(addon: string, library: string): Promise<void> {
  const folder = join(addon, 'deps', 'lib');
  await mkdir(folder, { recursive: true });
  for (const name of LIBRARIES) {
    const link = join(folder, name);
    const target = join(library, 'tensorflow', name);
    if ((await readlink(link).catch(() => undefined)) === target) continue;
    await rm(link, { force: true });
    await symlink(target, link);
  }
}

async function compileAddon(addon: string, library: string): Promise<void> {
  const output = addonPath(addon);
  const partial = `${output}.partial`;
  await mkdir(dirname(output), { recursive: true });
  const libraryPath = join(addon, 'deps', 'lib');
  const { code, stderr } = await runCommand('g++', [
    ...['-O2', '-shared', '-fPIC', '-std=c++17', '-DNAPI_VERSION=8', '-w'],
    ...[`-I${nodeHeaders()}`, `-I${addon}`, `-I${join(library, 'tensorflow', 'include')}`],
    ...[join(addon, 'binding', 'tfjs_backend.cc'), join(addon, 'binding', 'tfjs_binding.cc'), '-o', partial],
    ...[`-L${libraryPath}`, ...LIBRARIES.map((name) => `-l:${name}`), '-Wl,-rpath,$ORIGIN/../../deps/lib'],
  ]);
  if (code === undefined) fail('expected g++, got none (to get it: apt-get install g++)');
  if (code !== 0) fail(`expected g++ to compile the addon, got ${stderr.split('\n').slice(0, 3).join(' ')}`);
  await rename(partial, output);
}

/** Node's own headers where it was installed with them, else those of the package node-api-headers. */
function nodeHeaders(): string {
  const own = join(dirname(dirname(process.execPath)), 'include', 'node');
  if (existsSync(join(own, 'node_api.h'))) return own;
  try {
    const manifest = createRequire(import.meta.url).resolve('node-api-headers/package.json');
    return join(dirname(manifest), 'include');
  } catch {
    return fail('expected the headers of Node-API, got none (to get them: npm install node-api-headers)');
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

function fail(message: string): never {
  throw new UnsupportedBackendError(place, message);
}
