import { ConfigError } from '@muse/backend';
import { isObject, kind } from './safetensorsHeader.js';

/** How a model wants to be sampled; names of schedules and orders are checked by the sampler, which knows them. */
export interface SamplingDefaults {
  readonly numSteps: number;
  /** t of (1 + t)·cond − t·uncond. */
  readonly guidanceScale: number;
  readonly guidanceSchedule: string;
  readonly sampleTemperature: number;
  /** Start and end. */
  readonly choiceTemperature: readonly [number, number];
  readonly order: string;
  readonly maskSchedule: string;
}

/** model_index.json: what a model folder holds. */
export interface ModelIndex {
  readonly format: 'muse';
  readonly formatVersion: 1;
  readonly name: string;
  readonly license: string;
  /** Sub-folder → class. */
  readonly components: Readonly<Record<string, string>>;
  readonly sampling: SamplingDefaults;
  /** [H, W] in pixels, of the base stage. */
  readonly imageSize: readonly [number, number];
  /** Of the second stage: there with its components, or neither. */
  readonly superResSampling?: SamplingDefaults;
  /** [H, W] in pixels, of the second stage. */
  readonly superResImageSize?: readonly [number, number];
}

/** Components of the second stage of a cascade. */
const superResComponents = ['super_res_transformer', 'super_res_vqgan'];

/**
 * Checks a model_index.json by hand, so that each message names the file and the field.
 *
 * @param json parsed
 * @param file for messages
 * @throws ConfigError `model_index.json: expected sampling.numSteps to be an integer of at least 1, got 0`
 */
export function parseModelIndex(json: unknown, file = 'model_index.json'): ModelIndex {
  const index = new Fields(file, '', json);
  if (index.has('_class_name')) {
    throw index.problem(
      'format',
      'to be "muse"',
      `a diffusers pipeline, ${JSON.stringify(index.value('_class_name'))}`,
    );
  }
  index.equals('format', 'muse');
  index.equals('formatVersion', 1);
  const components = parseComponents(index.object('components'));
  return {
    format: 'muse',
    formatVersion: 1,
    name: index.text('name'),
    license: index.text('license'),
    components,
    sampling: parseSampling(index.object('sampling')),
    imageSize: parseSize(index, 'imageSize'),
    ...parseSuperRes(index, components),
  };
}

function parseSampling(sampling: Fields): SamplingDefaults {
  return {
    numSteps: sampling.integer('numSteps', 1),
    guidanceScale: sampling.number('guidanceScale'),
    guidanceSchedule: sampling.text('guidanceSchedule'),
    sampleTemperature: sampling.number('sampleTemperature'),
    choiceTemperature: sampling.pair('choiceTemperature', (fields, key) => fields.number(key)),
    order: sampling.text('order'),
    maskSchedule: sampling.text('maskSchedule'),
  };
}

function parseSize(index: Fields, key: string): [number, number] {
  return index.pair(key, (fields, side) => fields.integer(side, 1));
}

/** The second stage is whole or not there at all. */
function parseSuperRes(
  index: Fields,
  components: Record<string, string>,
): Pick<ModelIndex, 'superResSampling' | 'superResImageSize'> {
  const fields = ['superResSampling', 'superResImageSize'];
  const isThere =
    superResComponents.some((name) => Object.hasOwn(components, name)) || fields.some((key) => index.has(key));
  if (!isThere) return {};
  for (const name of superResComponents) index.object('components').text(name);
  return {
    superResSampling: parseSampling(index.object('superResSampling')),
    superResImageSize: parseSize(index, 'superResImageSize'),
  };
}

function parseComponents(components: Fields): Record<string, string> {
  const names = components.keys();
  if (names.length === 0) throw components.problem('', 'to have a component', 'none');
  for (const name of names) {
    if (!/^[A-Za-z0-9_-]+$/.test(name)) {
      throw components.problem('', 'to have folder names of letters, digits, _ and -', JSON.stringify(name));
    }
  }
  return Object.fromEntries(names.map((name) => [name, components.text(name)]));
}

/** The fields of a JSON object with their path, for messages. */
class Fields {
  private readonly fields: Record<string, unknown>;

  constructor(
    private readonly file: string,
    private readonly path: string,
    json: unknown,
  ) {
    if (!isObject(json)) throw this.problem('', 'to be an object', kind(json));
    this.fields = json;
  }

  keys(): string[] {
    return Object.keys(this.fields);
  }

  has(key: string): boolean {
    return Object.hasOwn(this.fields, key);
  }

  value(key: string): unknown {
    return this.has(key) ? this.fields[key] : undefined;
  }

  object(key: string): Fields {
    return new Fields(this.file, this.pathOf(key), this.value(key));
  }

  text(key: string): string {
    const value = this.value(key);
    if (typeof value !== 'string' || value === '') throw this.problem(key, 'to be a non-empty string', show(value));
    return value;
  }

  /** Finite and not negative: all of the format's are. */
  number(key: string): number {
    const value = this.value(key);
    if (typeof value !== 'number' || value < 0) throw this.problem(key, 'to be a number of at least 0', show(value));
    return value;
  }

  integer(key: string, least: number): number {
    const value = this.value(key);
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
      throw this.problem(key, `to be an integer of at least ${least}`, show(value));
    }
    return value;
  }

  pair(key: string, read: (fields: Fields, key: string) => number): [number, number] {
    const value = this.value(key);
    if (!Array.isArray(value) || value.length !== 2) throw this.problem(key, 'to be an array of two', show(value));
    const items = new Fields(this.file, this.pathOf(key), { ...value });
    return [read(items, '0'), read(items, '1')];
  }

  equals(key: string, expected: string | number): void {
    const value = this.value(key);
    if (value !== expected) throw this.problem(key, `to be ${JSON.stringify(expected)}`, show(value));
  }

  problem(key: string, expected: string, got: string): ConfigError {
    const path = key === '' ? this.path || 'the file' : this.pathOf(key);
    return new ConfigError(
      { package: 'checkpoint', in: 'parseModelIndex' },
      `${this.file}: expected ${path} ${expected}, got ${got}`,
    );
  }

  private pathOf(key: string): string {
    return this.path === '' ? key : `${this.path}.${key}`;
  }
}

function show(value: unknown): string {
  return value === undefined ? 'none' : JSON.stringify(value);
}
