import type { DeviceName, ModelDtype } from '@muse/backend';
import type { GenerateOptions } from '@muse/muse';
import { UsageError } from '../errors.js';
import { readInput } from '../output/files.js';
import { readRecord } from '../output/record.js';
import { defaultModel, devices } from '../values.js';
import { type OutputFlags, randomSeed, type SamplingFlags, settingsOf } from './imageFlags.js';

/** Options of `muse generate`, parsed. */
export interface GenerateFlags extends OutputFlags, SamplingFlags {
  readonly prompts?: string;
  readonly from?: string;
  readonly seed?: number;
  readonly count?: number;
}

/** What to generate, before the model is there. */
export interface GenerateJob {
  readonly model: string;
  readonly revision?: string;
  readonly variant?: string;
  /** By the record of `--from`: a model of this name made the image. */
  readonly modelName?: string;
  readonly device: DeviceName | 'auto';
  readonly dtype?: 'auto' | ModelDtype;
  /** The file of `--prompts`. */
  readonly prompts?: string;
  /** One per prompt; all have the same settings and seed. */
  readonly requests: readonly GenerateOptions[];
}

/** @throws UsageError when there is not one source of prompts, or it can't be read */
export async function resolveJob(prompt: string | undefined, flags: GenerateFlags): Promise<GenerateJob> {
  if (flags.prompts !== undefined && (prompt !== undefined || flags.from !== undefined)) {
    throw new UsageError('--prompts takes the place of a prompt and of --from: give one of them');
  }
  const record = flags.from === undefined ? undefined : await readFrom(flags.from);
  const prompts = flags.prompts === undefined ? [prompt ?? record?.options.prompt] : await readPrompts(flags.prompts);
  const settings = settingsOf(flags, record?.options.superResSampling);
  const seed = flags.seed ?? record?.options.seed ?? randomSeed();
  const requests = prompts.map((text): GenerateOptions => {
    if (text === undefined) {
      throw new UsageError('no prompt: say what to draw, as in: muse generate "a smiling cat, 3D style"');
    }
    checkPrompt(text, 'muse generate "a smiling cat, 3D style"');
    return { ...record?.options, ...settings, prompt: text, seed, count: flags.count ?? 1 };
  });
  // Of another model, another revision.
  const recorded = flags.model === undefined ? record : undefined;
  return {
    model: flags.model ?? record?.model ?? defaultModel,
    revision: flags.revision ?? recorded?.revision,
    variant: flags.variant ?? recorded?.variant,
    modelName: record?.modelName,
    device: flags.device ?? recordedDevice(record?.device) ?? 'auto',
    dtype: flags.dtype ?? record?.dtype,
    prompts: flags.prompts,
    requests,
  };
}

/** @param example of the command, with a prompt */
export function checkPrompt(prompt: string, example: string): void {
  if (prompt.trim() === '') throw new UsageError(`the prompt is empty: say what to draw, as in: ${example}`);
}

async function readFrom(path: string) {
  const bytes = await readInput('--from', path);
  const { readPngText } = await import('@muse/muse');
  return readRecord(readPngText(bytes), path);
}

/** Lines of a file, without empty ones and those that begin with #. */
async function readPrompts(path: string): Promise<string[]> {
  const text = new TextDecoder().decode(await readInput('--prompts', path));
  const prompts = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  if (prompts.length === 0) throw new UsageError(`--prompts: ${path} has no prompt: write one on each line`);
  return prompts;
}

function recordedDevice(name: string | undefined): DeviceName | undefined {
  return devices.find((device): device is DeviceName => device === name && device !== 'auto');
}
