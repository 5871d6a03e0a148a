import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
/** What the addon needs of a wheel of TensorFlow. */
const WHEEL_PARTS = [
  'tensorflow/*.so*',
  'tensorflow/include/tensorflow/c/*',
  'tensorflow/include/tensorflow/core/platform/*',
  'tensorflow/include/tsl/*',
];

/** A build of TensorFlow on PyPI: what tfjs-node and tfjs-node-gpu are linked to. */
interface Distribution {
  readonly name: 'tensorflow-cpu' | 'tensorflow';
  /** Of what is downloaded. */
  readonly size: string;
  /** Folder in the cache. */
  readonly folder: string;
  /** With NVIDIA's libraries, which are wheels too; TensorFlow finds them in a folder beside its own. */
  readonly hasCuda: boolean;
}

const CPU: Distribution = {
  name: 'tensorflow-cpu',
  size: '208 MB',
  folder: `libtensorflow-${TENSORFLOW_VERSION}`,
  hasCuda: false,
};
const GPU: Distribution = {
  name: 'tensorflow',
  size: '475 MB, then 1.7 GB of CUDA 12.2',
  folder: `libtensorflow-gpu-${TENSORFLOW_VERSION}`,
  hasCuda: true,
};

const place = { package: 'backend', in: 'installTensorflow' } as const;

export interface InstallProgress {
  readonly status: 'download' | 'unpack' | 'compile' | 'done';
  readonly detail: string;
}

export interface InstallTensorflowOptions {
  /** Where libtensorflow is kept. Default: `muse` in $XDG_CACHE_HOME or ~/.cache. */
  readonly cacheDir?: string;
  /** Folder of @tensorflow/tfjs-node or tfjs-node-gpu. Default: the one installed beside this package, tfjs-node-gpu first. */
  readonly tfjsNodeDir?: string;
  readonly onProgress?: (progress: InstallProgress) => void;
}

/**
 * Makes the installed @tensorflow/tfjs-node work where its own download of libtensorflow did not run or can't: takes
 * libtensorflow out of the PyPI wheel of tensorflow-cpu and links tfjs-node's addon against it. Of tfjs-node-gpu it is the wheel
 * of tensorflow with the CUDA libraries that this names; the machine's own driver is all that it needs beside. Steps that are
 * done already are skipped, so a second call takes about a second. Linux on x64; needs pip, unzip and g++.
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
  const distribution = isForGpu(addon) ? GPU : CPU;
  const library = join(cacheDir, distribution.folder);
  if (!LIBRARIES.every((name) => existsSync(join(library, 'tensorflow', name)))) {
    report('download', `${distribution.name} ${TENSORFLOW_VERSION} (${distribution.size}) with pip`);
    const wheel = await downloadTensorflow(library, distribution);
    const cuda = distribution.hasCuda ? await downloadCuda(wheel, library) : [];
    report('unpack', library);
    await unpackWheels(wheel, cuda, library);
  }
  report('compile', addon);
  await linkLibraries(addon, library, distribution);
  await compileAddon(addon, library);
  const problem = await addonProblem(addon);
  if (problem) fail(`expected the compiled addon to load, got ${problem}`);
  report('done', `libtensorflow ${TENSORFLOW_VERSION}${distribution.hasCuda ? ' with CUDA' : ''} in ${library}`);
}

function defaultCacheDir(): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'muse');
}

/** Folder of the installed package; it is found without being loaded, since loading it is what fails. */
function findTfjsNode(): string {
  const { resolve } = createRequire(import.meta.url);
  let cause: unknown;
  for (const name of ['@tensorflow/tfjs-node-gpu', '@tensorflow/tfjs-node']) {
    try {
      return dirname(resolve(`${name}/package.json`));
    } catch (error) {
      cause = error;
    }
  }
  throw new UnsupportedBackendError(
    place,
    'expected the package @tensorflow/tfjs-node, got none (to get it: npm install --ignore-scripts @tensorflow/tfjs-node@4.22.0)',
    { cause },
  );
}

function isForGpu(addon: string): boolean {
  const manifest = join(addon, 'package.json');
  return existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === '@tensorflow/tfjs-node-gpu';
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

async function downloadTensorflow(folder: string, { name }: Distribution): Promise<string> {
  await mkdir(folder, { recursive: true });
  const find = () => readdirSync(folder).find((file) => /^tensorflow.*\.whl$/.test(file));
  if (!find()) await downloadWheels(name, [`${name}==${TENSORFLOW_VERSION}`], folder);
  const wheel = find();
  if (!wheel) fail(`expected a wheel of ${name} in ${folder}, got none`);
  return join(folder, wheel);
}

/** NVIDIA's libraries in the versions that the wheel of TensorFlow requires for CUDA. @returns their wheels */
async function downloadCuda(wheel: string, folder: string): Promise<string[]> {
  const metadata = await unzip(['-p', wheel, '*.dist-info/METADATA'], wheel);
  const requirement = /^Requires-Dist: (nvidia-[\w-]+) \(==([\d.]+)\) *; *extra == ['"]and-cuda['"]/gm;
  const required = [...metadata.matchAll(requirement)].map(([, name, version]) => `${name}==${version}`);
  if (required.length === 0) fail(`expected the CUDA libraries that ${wheel} requires, got none in its METADATA`);
  const cuda = join(folder, 'cuda');
  await mkdir(cuda, { recursive: true });
  await downloadWheels("NVIDIA's libraries", required, cuda); // pip keeps those which are there
  return readdirSync(cuda).map((file) => join(cuda, file));
}

/** By the first pip there is; no virtual environment is needed, since nothing is installed. */
async function downloadWheels(what: string, requirements: readonly string[], folder: string): Promise<void> {
  const args = ['download', '--quiet', '--no-deps', '--disable-pip-version-check', '--only-binary=:all:'];
  args.push('--python-version', WHEEL_PYTHON, '--dest', folder);
  args.push('--platform', 'manylinux2014_x86_64', '--platform', 'manylinux1_x86_64', ...requirements);
  const pips = [['python3', '-m', 'pip'], ['pip3'], ['pip']] as const;
  let result: CommandResult | undefined;
  for (const [command, ...prefix] of pips) {
    const tried = await runCommand(command, [...prefix, ...args]);
    const isMissing = tried.code === undefined || tried.stderr.includes('No module named pip');
    if (!isMissing) result = tried;
    if (result) break;
  }
  if (!result) fail('expected pip, got none (to get it: apt-get install python3-pip)');
  if (result.code !== 0) fail(`expected pip to download ${what}, got ${lastLine(result.stderr)}`);
}

async function unpackWheels(wheel: string, cuda: readonly string[], folder: string): Promise<void> {
  // Unpacked beside its final place and renamed, TensorFlow last, so that a folder which is there is complete.
  const partial = join(folder, 'partial');
  await rm(partial, { recursive: true, force: true });
  await unzip(['-q', '-o', wheel, ...WHEEL_PARTS, '-d', partial], wheel);
  for (const one of cuda) await unzip(['-q', '-o', one, 'nvidia/*', '-d', partial], one);
  for (const part of cuda.length > 0 ? ['nvidia', 'tensorflow'] : ['tensorflow']) {
    await rm(join(folder, part), { recursive: true, force: true });
    await rename(join(partial, part), join(folder, part));
  }
  for (const used of [partial, wheel, join(folder, 'cuda')]) await rm(used, { recursive: true, force: true });
}

/** @returns what it prints */
async function unzip(args: readonly string[], wheel: string): Promise<string> {
  const { code, stdout, stderr } = await runCommand('unzip', args);
  if (code === undefined) fail('expected unzip, got none (to get it: apt-get install unzip)');
  if (code !== 0) {
    await rm(wheel, { force: true }); // it may be half a download: the next call fetches it again
    fail(`expected ${wheel} to unpack, got ${lastLine(stderr)}`);
  }
  return stdout;
}

async function linkLibraries(addon: string, library: string, { hasCuda }: Distribution): Promise<void> {
  const folder = join(addon, 'deps', 'lib');
  await mkdir(folder, { recursive: true });
  const links = LIBRARIES.map((name) => [join(folder, name), join(library, 'tensorflow', name)] as const);
  // TensorFlow looks for CUDA in ../nvidia as seen from where it is loaded, which is the link.
  const cuda = hasCuda ? [[join(addon, 'deps', 'nvidia'), join(library, 'nvidia')] as const] : [];
  for (const [link, target] of [...links, ...cuda]) {
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
