import { type FolderSource, subFolder } from './byteSource.js';
import { JsonFields } from './jsonFields.js';
import type { ModelIndex } from './modelIndex.js';
import { readJson } from './readFile.js';

/** What a diffusers folder must hold to be an aMUSEd pipeline: component → classes that will do. */
const amusedClasses: Readonly<Record<string, readonly string[]>> = {
  vqvae: ['VQModel'],
  text_encoder: ['CLIPTextModelWithProjection'],
  tokenizer: ['CLIPTokenizer', 'CLIPTokenizerFast'],
  transformer: ['UVit2DModel'],
  scheduler: ['AmusedScheduler'],
};

/** The pipelines of diffusers that share these components. */
const amusedPipelines = ['AmusedPipeline', 'AmusedImg2ImgPipeline', 'AmusedInpaintPipeline'];

/** Schedules that AmusedScheduler knows. */
const maskingSchedules = ['cosine', 'linear'];

/** A component's configuration file; of all others it is config.json. */
const configFiles: Readonly<Record<string, string>> = {
  scheduler: 'scheduler_config.json',
  tokenizer: 'tokenizer_config.json',
};

const place = 'openModelFolder';

/** Whether a parsed model_index.json is one of diffusers. */
export function isDiffusersIndex(json: unknown): boolean {
  return typeof json === 'object' && json !== null && '_class_name' in json;
}

/** Where a component of a folder has its configuration. */
export function configFileOf(format: ModelIndex['format'], component: string): string {
  return (
    (format === 'diffusers' && Object.hasOwn(configFiles, component) ? configFiles[component] : undefined) ??
    'config.json'
  );
}

/** The components of a folder that have weights. */
export function weightedComponents({ format, components }: ModelIndex): string[] {
  return Object.keys(components).filter((name) => format !== 'diffusers' || !Object.hasOwn(configFiles, name));
}

/**
 * The index of a diffusers folder: components from its model_index.json; what diffusers leaves to its pipeline's code
 * (AmusedPipeline: 12 steps, guidance 10, choice temperature 2 → 0) from there; image size and masking schedule from the
 * components' configurations. The licence stands in no file of such a folder.
 *
 * @param json model_index.json, parsed
 * @throws ConfigError that names file and field; WeightError for a configuration that can't be read
 */
export async function readDiffusersIndex(folder: FolderSource, json: unknown): Promise<ModelIndex> {
  const index = new JsonFields(`${folder.location}/model_index.json`, '', json, place);
  index.oneOf('_class_name', amusedPipelines);
  const components = readComponents(index);
  const scheduler = await readConfig(folder, 'scheduler');
  const transformer = await readConfig(folder, 'transformer');
  const vqvae = await readConfig(folder, 'vqvae');
  if (scheduler.has('_class_name')) scheduler.oneOf('_class_name', amusedClasses.scheduler!);
  checkMaskToken(scheduler, transformer);
  const maskSchedule = scheduler.has('masking_schedule')
    ? scheduler.oneOf('masking_schedule', maskingSchedules)
    : 'cosine';
  const downsampleFactor = 2 ** (vqvae.list('block_out_channels').length - 1);
  const side = transformer.integer('sample_size', 1) * downsampleFactor;
  return {
    format: 'diffusers',
    formatVersion: 1,
    name: folder.location.split(/[\\/]/).findLast((part) => part !== '') ?? folder.location,
    license: 'not stated in the folder',
    components,
    sampling: {
      numSteps: 12,
      guidanceScale: 10,
      guidanceSchedule: 'constant',
      sampleTemperature: 1,
      choiceTemperature: [2, 0],
      order: 'confidence',
      maskSchedule,
    },
    imageSize: [side, side],
  };
}

/** The mask is the last row of the transformer's embedding; the scheduler must mean the same token. */
function checkMaskToken(scheduler: JsonFields, transformer: JsonFields): void {
  const maskTokenId = transformer.integer('vocab_size', 2) - 1;
  const got = scheduler.integer('mask_token_id', 0);
  if (got === maskTokenId) return;
  throw scheduler.problem('mask_token_id', `to be the transformer's vocab_size − 1 = ${maskTokenId}`, String(got));
}

function readComponents(index: JsonFields): Record<string, string> {
  return Object.fromEntries(
    Object.entries(amusedClasses).map(([name, classes]) => {
      const value = index.value(name);
      const found: unknown = Array.isArray(value) ? value[1] : undefined;
      if (typeof found === 'string' && classes.includes(found)) return [name, found];
      const expected = `to be [library, ${classes.map((one) => JSON.stringify(one)).join(' or ')}]`;
      throw index.problem(name, expected, value === undefined ? 'none' : JSON.stringify(value));
    }),
  );
}

async function readConfig(folder: FolderSource, component: string): Promise<JsonFields> {
  const inner = subFolder(folder, component);
  const file = configFileOf('diffusers', component);
  return new JsonFields(`${inner.location}/${file}`, '', await readJson(inner, file), place);
}
