import type { GenerateOptions, GenerationSettings } from '@muse/muse';
import { UsageError } from '../errors.js';

/** Keyword of the PNG text chunk that holds the record. */
const RECORD_KEYWORD = 'muse';

/** All that repeats an image: what `--from` reads. */
export interface ImageRecord {
  readonly formatVersion: 1;
  /** As given to `--model`. */
  readonly model: string;
  /** By its model_index.json. */
  readonly modelName: string;
  readonly device: string;
  readonly seed: number;
  readonly settings: GenerationSettings;
}

/** Text chunks of an image: the record, and the prompt where other programs look for it. */
export function recordChunks(record: ImageRecord): Record<string, string> {
  return {
    Description: record.settings.prompt,
    Software: 'muse',
    [RECORD_KEYWORD]: JSON.stringify(record),
  };
}

/** What `--from` takes over; the values are checked where they are used. */
export interface ReadRecord {
  readonly model: string;
  readonly modelName: string;
  readonly device: string;
  readonly options: GenerateOptions;
}

/** @throws UsageError when the image has no record, or one that can't be read */
export function readRecord(chunks: Readonly<Record<string, string>>, path: string): ReadRecord {
  const text = Object.hasOwn(chunks, RECORD_KEYWORD) ? chunks[RECORD_KEYWORD]! : undefined;
  if (text === undefined)
    throw new UsageError(`--from: ${path} says nothing of how it was made; muse made no such image`);
  const record = parseObject(text);
  const settings = record?.settings;
  const isRecord =
    record?.formatVersion === 1 &&
    typeof record.model === 'string' &&
    typeof record.modelName === 'string' &&
    typeof record.device === 'string' &&
    typeof record.seed === 'number' &&
    typeof settings === 'object' &&
    settings !== null &&
    typeof (settings as Partial<GenerationSettings>).prompt === 'string';
  if (!isRecord) throw new UsageError(`--from: the record in ${path} is damaged or of a newer version of muse`);
  const { model, modelName, device, seed } = record as unknown as ImageRecord;
  return { model, modelName, device, options: { ...(settings as GenerationSettings), seed } };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null ? (json as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
