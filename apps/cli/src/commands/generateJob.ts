import type { DeviceName } from '@muse/backend';
import type { GenerateOptions } from '@muse/muse';
import { UsageError } from '../errors.js';
import { readInput } from '../output/files.js';
import { readRecord } from '../output/record.js';
import { defaultModel, devices } from '../values.js';

/** Options of `muse generate`, parsed. */
export interface GenerateFlags {
  readonly prompts?: string;
  readonly from?: string;
  readonly negative?: string;
  readonly steps?: number;
  readonly guidance?: number;
  readonly guidanceSchedule?: GenerateOptions['guidanceSchedule'];
  readonly guidanceInterval?: [number, number];
  readonly order?: GenerateOptions['order'];
  readonly maskSchedule?: GenerateOptions['maskSchedule'];
  readonly sampleTemperature?: number;
  readonly choiceTemperature?: [number, number];
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly count?: number;
  readonly model?: string;
  readonly device?: DeviceName | 'auto';
  readonly output?: string;
  readonly grid?: boolean;
  readonly stepsGif?: boolean;
  readonly stepsStrip?: boolean;
  readonly tokens?: string;
  readonly json?: boolean;
  readonly force?: boolean;
  readonly quiet?: boolean;
  readonly picture: boolean;
}

/** What to generate, before the model is there. */
export interface GenerateJob {
  readonly model: string;
  /** By the record of `--from`: a model of this name made the image. */
  readonly modelName?: string;
  readonly device: DeviceName | 'auto';
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
  const settings = settingsOf(flags);
  const seed = flags.seed ?? record?.options.seed ?? randomSeed();
  const requests = prompts.map((text): GenerateOptions => {
    if (text === undefined) {
      throw new UsageError('no prompt: say what to draw, as in: muse generate "a smiling cat, 3D style"');
    }
    if (text.trim() === '') {
      throw new UsageError('the prompt is empty: say what to draw, as in: muse generate "a smiling cat, 3D style"');
    }
    return { ...record?.options, ...settings, prompt: text, seed, count: flags.count ?? 1 };
  });
  return {
    model: flags.model ?? record?.model ?? defaultModel,
    modelName: record?.modelName,
    device: flags.device ?? recordedDevice(record?.device) ?? 'auto',
    requests,
  };
}

/** What was given of the sampling settings. */
function settingsOf(flags: GenerateFlags): Partial<GenerateOptions> {
  const all: Partial<GenerateOptions> = {
    negativePrompt: flags.negative,
    numSteps: flags.steps,
    guidanceScale: flags.guidance,
    guidanceSchedule: flags.guidanceSchedule,
    guidanceInterval: flags.guidanceInterval,
    order: flags.order,
    maskSchedule: flags.maskSchedule,
    sampleTemperature: flags.sampleTemperature,
    choiceTemperature: flags.choiceTemperature,
    topK: flags.topK,
    topP: flags.topP,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
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

/** Short enough to be typed again. */
function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}
