import type { DeviceName, ModelDtype } from '@muse/backend';
import type { StageName, TextEncoderPlace } from '@muse/muse';
import type { DecodeOrder, GuidanceSchedule, MaskSchedule } from '@muse/sampler';
import type { RunSettings } from '@muse/trainer';
import { InvalidArgumentError } from 'commander';

// Lists of the packages, written again because importing the packages would load tfjs before `--help` is shown.
// values.test.ts holds them against the originals.
export const devices = ['auto', 'webgpu', 'tensorflow', 'wasm', 'cpu'] as const satisfies (DeviceName | 'auto')[];
export const dtypes = ['auto', 'f32', 'f16', 'q8', 'w16a16', 'w8a8', 'bf16'] as const satisfies ('auto' | ModelDtype)[];
export const textEncoders = ['auto', 'resident', 'streamed'] as const satisfies ('auto' | TextEncoderPlace)[];
export const orders = ['confidence', 'halton'] as const satisfies DecodeOrder[];
export const guidanceSchedules = ['constant', 'linear', 'cosine', 'interval'] as const satisfies GuidanceSchedule[];
export const maskSchedules = [
  'cosine',
  'linear',
  'square',
  'cubic',
  'root',
  'arccos',
] as const satisfies MaskSchedule[];

export const stages = ['base', 'super-res'] as const satisfies StageName[];

export const trainings = ['tokenizer', 'base', 'super-res', 'classifier'] as const;
export const trainingPresets = ['emoji', 'tiny'] as const;
export const optimizers = ['adam', 'adamW', 'adafactor'] as const satisfies RunSettings['optimizer'][];

/** The model that comes with the command. */
export const defaultModel = '@muse/model-emoji';

/** A decimal number; `Number` would take '', '0x1f' and ' 7 ' as well. */
const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

function toNumber(text: string): number {
  return decimal.test(text) ? Number(text) : Number.NaN;
}

/** Parser of an option's integer in [least, most]. */
export function integerFrom(least: number, most = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `in [${least}, ${most}]`;
    throw new InvalidArgumentError(`Expected an integer ${range}.`);
  };
}

/** Parser of an option's number of at least `least`. */
export function numberFrom(least: number): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    if (Number.isFinite(value) && value >= least) return value;
    throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
  };
}

/** Parser of a share in (0, 1]. */
export function share(text: string): number {
  const value = toNumber(text);
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number above 0 and at most 1.');
}

/** Parser of a number in [0, 1]. */
export function unitInterval(text: string): number {
  const value = toNumber(text);
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a number in [0, 1].');
}

/** `x,y,w,h` in pixels; x and y may lie outside of an image. */
export function box(text: string): [x: number, y: number, width: number, height: number] {
  const values = text.split(',').map(toNumber);
  const [x = 0, y = 0, width = 0, height = 0] = values;
  if (values.length === 4 && values.every(Number.isSafeInteger) && width > 0 && height > 0)
    return [x, y, width, height];
  throw new InvalidArgumentError('Expected x,y,w,h: four integers, w and h of at least 1.');
}

/** `a,b`, two numbers. */
export function pair(text: string): [number, number] {
  const values = text.split(',').map(toNumber);
  if (values.length === 2 && values.every(Number.isFinite)) return [values[0]!, values[1]!];
  throw new InvalidArgumentError('Expected a,b: two numbers.');
}

/** `a` or `a,b`, both at least 0: from a at the first step to b at the last. One alone falls to 0, as in MaskGIT. */
export function choiceTemperature(text: string): [number, number] {
  const values = text.split(',').map(toNumber);
  const isValid = values.length <= 2 && values.every((value) => Number.isFinite(value) && value >= 0);
  if (!isValid) throw new InvalidArgumentError('Expected a or a,b: one or two numbers of at least 0.');
  return [values[0]!, values[1] ?? 0];
}

/** `a,b` with 0 ≤ a ≤ b ≤ 1. */
export function interval(text: string): [number, number] {
  const values = text.split(',').map(toNumber);
  const [start = Number.NaN, end = Number.NaN] = values;
  if (values.length === 2 && start >= 0 && start <= end && end <= 1) return [start, end];
  throw new InvalidArgumentError('Expected a,b: two numbers with 0 ≤ a ≤ b ≤ 1.');
}

/** Bytes as `5GB`, `500 MB`, `1e6`: powers of 1000. */
export function byteCount(text: string): number {
  const [, digits = '', unit = ''] = /^(.*?)\s*([kmgt]?b)?$/i.exec(text.trim()) ?? [];
  const power = ['b', 'kb', 'mb', 'gb', 'tb'].indexOf(unit.toLowerCase() || 'b');
  const value = Math.round(toNumber(digits) * 1000 ** power);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new InvalidArgumentError('Expected a size such as 5GB or 500MB.');
}
