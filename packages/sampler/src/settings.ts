import { ConfigError, type ErrorPlace } from '@muse/backend';
import { type GuidanceSchedule, guidanceSchedules } from './guidance.js';
import { type MaskSchedule, maskSchedules } from './maskSchedule.js';

/**
 * Which of the masked tokens a step decides: `confidence`, those whose sampled token is the most probable (MaskGIT);
 * `halton`, the next ones of the Halton sequence (Besnier et al. 2025).
 */
export const decodeOrders = ['confidence', 'halton'] as const;
export type DecodeOrder = (typeof decodeOrders)[number];

/** How to sample, apart from the network and the image. */
export interface SamplingSettings {
  /** N, at least 1. Steps with nothing to decide don't ask the network. */
  readonly numSteps: number;
  readonly maskSchedule: MaskSchedule;
  readonly order: DecodeOrder;
  /** t in (1 + t)·conditional − t·unconditional, at least 0; diffusers' guidance_scale is t + 1. */
  readonly guidanceScale: number;
  readonly guidanceSchedule: GuidanceSchedule;
  /** Only for `guidanceSchedule: 'interval'`. */
  readonly guidanceInterval: readonly [start: number, end: number];
  /** Temperature of the draw of a token; 0 takes the most likely one. */
  readonly sampleTemperature: number;
  /**
   * Temperature of the Gumbel noise on the confidence, from the first step to the last, linearly. Of no effect with
   * `order: 'halton'`.
   */
  readonly choiceTemperature: readonly [start: number, end: number];
  /** Draw among the k most likely tokens only. */
  readonly topK?: number;
  /** Draw among the fewest most likely tokens whose probabilities sum to at least p only, in (0, 1]. */
  readonly topP?: number;
}

/** The paper's 24 steps and cosine schedule with its linear guidance, MaskGIT's temperatures; no guidance unless asked. */
export const defaultSamplingSettings: SamplingSettings = {
  numSteps: 24,
  maskSchedule: 'cosine',
  order: 'confidence',
  guidanceScale: 0,
  guidanceSchedule: 'linear',
  guidanceInterval: [0.5, 1],
  sampleTemperature: 1,
  choiceTemperature: [4.5, 0],
};

/** The names of all settings, in the order of the documentation. */
export const settingNames = [
  'numSteps',
  'maskSchedule',
  'order',
  'guidanceScale',
  'guidanceSchedule',
  'guidanceInterval',
  'sampleTemperature',
  'choiceTemperature',
  'topK',
  'topP',
] as const satisfies readonly (keyof SamplingSettings)[];

/** A value as it is shown in an error. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

function check(place: ErrorPlace, isValid: boolean, expected: string, got: unknown): void {
  if (!isValid) throw new ConfigError(place, `expected ${expected}, got ${shown(got)}`);
}

/** True for a number, finite and not below `least`. */
function isAtLeast(value: unknown, least: number): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= least;
}

function isPair(value: unknown, isValid: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length === 2 && value.every(isValid);
}

/**
 * Settings with their defaults, checked. What is `undefined` counts as left out.
 *
 * @param place named in the errors, so that a pipeline's user reads the function that they called
 * @throws ConfigError on the first setting out of its range
 */
export function resolveSamplingSettings(
  settings: Partial<SamplingSettings> = {},
  place: ErrorPlace = { package: 'sampler', in: 'decode' },
): SamplingSettings {
  const given = settingNames.filter((name) => settings[name] !== undefined).map((name) => [name, settings[name]]);
  const resolved: SamplingSettings = { ...defaultSamplingSettings, ...Object.fromEntries(given) };
  const { numSteps, guidanceScale, guidanceInterval, choiceTemperature, sampleTemperature, topK, topP } = resolved;
  check(place, Number.isSafeInteger(numSteps) && numSteps >= 1, 'numSteps to be an integer of at least 1', numSteps);
  for (const [name, names] of [
    ['maskSchedule', maskSchedules],
    ['order', decodeOrders],
    ['guidanceSchedule', guidanceSchedules],
  ] as const) {
    const isKnown = (names as readonly string[]).includes(resolved[name]);
    check(place, isKnown, `${name} to be one of ${names.join(', ')}`, resolved[name]);
  }
  check(place, isAtLeast(guidanceScale, 0), 'guidanceScale to be a finite number of at least 0', guidanceScale);
  check(
    place,
    isPair(guidanceInterval, (x) => isAtLeast(x, 0) && x <= 1) && guidanceInterval[0] <= guidanceInterval[1],
    'guidanceInterval to be [start, end] with 0 ≤ start ≤ end ≤ 1',
    guidanceInterval,
  );
  const isTemperature = isAtLeast(sampleTemperature, 0);
  check(place, isTemperature, 'sampleTemperature to be a finite number of at least 0', sampleTemperature);
  const areTemperatures = isPair(choiceTemperature, (x) => isAtLeast(x, 0));
  check(place, areTemperatures, 'choiceTemperature to be [start, end], both finite and at least 0', choiceTemperature);
  const isCount = topK === undefined || (Number.isSafeInteger(topK) && topK >= 1);
  check(place, isCount, 'topK to be an integer of at least 1', topK);
  check(place, topP === undefined || (isAtLeast(topP, 0) && topP > 0 && topP <= 1), 'topP to be in (0, 1]', topP);
  return resolved;
}

/** Whether any token may be drawn: neither top-k nor top-p is set. */
export function drawsFromAll({ topK, topP }: Pick<SamplingSettings, 'topK' | 'topP'>): boolean {
  return topK === undefined && topP === undefined;
}

/** Where the choice temperature stands at a step: `start` at the first one, `end` at the last, a line between. */
export function choiceTemperatureAt(settings: SamplingSettings, step: number): number {
  const [start, end] = settings.choiceTemperature;
  const { numSteps } = settings;
  return numSteps === 1 ? start : start + ((end - start) * (step - 1)) / (numSteps - 1);
}
