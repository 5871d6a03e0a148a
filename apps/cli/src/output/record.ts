import type { ModelDtype } from '@muse/backend';
import type { GenerateOptions, GenerationSettings } from '@muse/muse';
import { UsageError } from '../errors.js';
import { dtypes } from '../values.js';

/** Keyword of the PNG text chunk that holds the record. */
const RECORD_KEYWORD = 'muse';

/** All that repeats an image: what `--from` reads. */
export interface ImageRecord {
  readonly formatVersion: 1;
  /** As given to `--model`. */
  readonly model: string;
  /** Of a model on the hub: the commit. */
  readonly revision?: string;
  /** Of the weights, if one was asked for: `fp16`. */
  readonly variant?: string;
  /** By its model_index.json. */
  readonly modelName: string;
  readonly device: string;
  /** What the transformer's weights were kept in, unless that was f32. */
  readonly dtype?: ModelDtype;
  readonly seed: number;
  readonly settings: GenerationSettings;
  /** Of an image that was made from another one. */
  readonly edit?: EditRecord;
}

/** Commands that make an image from another one. */
export type EditVerb = 'inpaint' | 'outpaint' | 'edit' | 'variations' | 'upscale';

/** What was done to an image, beside the settings. */
export interface EditRecord {
  /** The command. */
  readonly verb: EditVerb;
  /** Name of the input's file, without its folder. */
  readonly input: string;
  /** Of `inpaint`: name of the mask's file. */
  readonly mask?: string;
  /** Of `inpaint`: x, y, width, height. */
  readonly box?: readonly number[];
}

/** Text chunks of an image: the record, and the prompt where other programs look for it. */
export function recordChunks(record: ImageRecord): Record<string, string> {
  const { prompt } = record.settings;
  return {
    ...(prompt !== '' && { Description: prompt }),
    Software: 'muse',
    [RECORD_KEYWORD]: JSON.stringify(record),
  };
}

/** What `--from` takes over; the values are checked where they are used. */
export interface ReadRecord {
  readonly model: string;
  readonly revision?: string;
  readonly variant?: string;
  readonly modelName: string;
  readonly device: string;
  readonly dtype?: ModelDtype;
  readonly options: GenerateOptions;
}

/** @throws UsageError when the image has no record, or one that can't be read */
export function readRecord(chunks: Readonly<Record<string, string>>, path: string): ReadRecord {
  const text = Object.hasOwn(chunks, RECORD_KEYWORD) ? chunks[RECORD_KEYWORD]! : undefined;
  if (text === undefined)
    throw new UsageError(`--from: ${path} says nothing of how it was made; muse made no such image`);
  const record = parseObject(text);
  const edit = record?.edit as Partial<EditRecord> | undefined;
  if (edit) {
    const made = `${path} was made of ${edit.input} by muse ${edit.verb}`;
    throw new UsageError(`--from: ${made}: only images of muse generate can be repeated`);
  }
  const settings = record?.settings;
  const isRecord =
    record?.formatVersion === 1 &&
    typeof record.model === 'string' &&
    isTextOrNone(record.revision) &&
    isTextOrNone(record.variant) &&
    typeof record.modelName === 'string' &&
    typeof record.device === 'string' &&
    (record.dtype === undefined || (dtypes as readonly unknown[]).includes(record.dtype)) &&
    typeof record.seed === 'number' &&
    typeof settings === 'object' &&
    settings !== null &&
    typeof (settings as Partial<GenerationSettings>).prompt === 'string';
  if (!isRecord) throw new UsageError(`--from: the record in ${path} is damaged or of a newer version of muse`);
  const { model, revision, variant, modelName, device, dtype, seed } = record as unknown as ImageRecord;
  return { model, revision, variant, modelName, device, dtype, options: { ...(settings as GenerationSettings), seed } };
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
