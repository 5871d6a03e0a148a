import { JsonFields } from './jsonFields.js';

/** How a model wants to be sampled; names of schedules and orders are checked by the sampler, which knows them. */
export interface SamplingDefaults {
  readonly numSteps: number;
  /** t of (1 + t)·cond − t·uncond; s of uncond + s·(cond − uncond) in a diffusers folder. */
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
  /**
   * `diffusers`: the index is made of a diffusers folder's files. Its guidance scale is then that of diffusers, s in
   * u + s·(c − u), where Muse's t is s − 1.
   */
  readonly format: 'muse' | 'diffusers';
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
  const index = new JsonFields(file, '', json, 'parseModelIndex');
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

function parseSampling(sampling: JsonFields): SamplingDefaults {
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

function parseSize(index: JsonFields, key: string): [number, number] {
  return index.pair(key, (fields, side) => fields.integer(side, 1));
}

/** The second stage is whole or not there at all. */
function parseSuperRes(
  index: JsonFields,
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

function parseComponents(components: JsonFields): Record<string, string> {
  const names = components.keys();
  if (names.length === 0) throw components.problem('', 'to have a component', 'none');
  for (const name of names) {
    if (!/^[A-Za-z0-9_-]+$/.test(name)) {
      throw components.problem('', 'to have folder names of letters, digits, _ and -', JSON.stringify(name));
    }
  }
  return Object.fromEntries(names.map((name) => [name, components.text(name)]));
}
