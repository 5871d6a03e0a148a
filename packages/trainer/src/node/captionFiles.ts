import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ImageError } from '@muse/backend';

export interface ImageEntry {
  /** Relative to the folder, with `/`. */
  readonly file: string;
  readonly caption: string;
}

export interface CaptionedFiles {
  readonly entries: ImageEntry[];
  /** Images without a caption, lines without an image. */
  readonly problems: { readonly file: string; readonly reason: string }[];
}

const METADATA_FILES = ['metadata.jsonl', 'metadata.csv'] as const;

/**
 * Captions of the images of a folder, in the order of `images`: from metadata.jsonl or metadata.csv if there is one
 * (columns `file_name` and `text`), else from `name.txt` beside each image.
 */
export async function readCaptions(
  root: string,
  images: readonly string[],
  needsCaptions: boolean,
): Promise<CaptionedFiles> {
  const problems: CaptionedFiles['problems'] = [];
  const captions = new Map<string, string>();
  const isThere = new Set(images);
  const metadata = await readMetadata(root);
  for (const { file, caption } of metadata?.rows ?? []) {
    if (isThere.has(file)) captions.set(file, caption);
    else problems.push({ file: metadata!.name, reason: `names ${file}, which is not there` });
  }
  const entries: ImageEntry[] = [];
  for (const file of images) {
    const beside = file.replace(/\.[^.]+$/, '.txt');
    const caption = metadata ? captions.get(file) : await readText(join(root, beside));
    const expected = metadata ? `a line in ${metadata.name}` : `a caption in ${beside}`;
    if (caption?.trim()) entries.push({ file, caption: caption.trim() });
    else if (needsCaptions)
      problems.push({ file, reason: `expected ${expected}, got ${caption === undefined ? 'none' : 'an empty one'}` });
    else entries.push({ file, caption: '' });
  }
  return { entries, problems };
}

async function readMetadata(root: string): Promise<{ name: string; rows: ImageEntry[] } | undefined> {
  for (const name of METADATA_FILES) {
    const text = await readText(join(root, name));
    if (text === undefined) continue;
    const records = name.endsWith('.csv') ? parseCsv(text) : parseJsonLines(name, text);
    const rows = records.map((record, index) => {
      const { file_name: file, text: caption } = record;
      if (typeof file !== 'string' || typeof caption !== 'string') {
        const place = { package: 'trainer', in: 'imageFolder' };
        throw new ImageError(
          place,
          `expected file_name and text in record ${index + 1} of ${name}, got ${Object.keys(record).join(', ') || 'nothing'}`,
        );
      }
      return { file: file.replaceAll('\\', '/'), caption };
    });
    return { name, rows };
  }
  return undefined;
}

function parseJsonLines(name: string, text: string): Record<string, unknown>[] {
  const lines = text.split('\n').map((line, index) => [line, index + 1] as const);
  return lines
    .filter(([line]) => line.trim())
    .map(([line, number]) => {
      try {
        return JSON.parse(line) as Record<string, unknown>;
      } catch (cause) {
        const place = { package: 'trainer', in: 'imageFolder' };
        throw new ImageError(place, `expected JSON in line ${number} of ${name}, got ${line.slice(0, 40)}`, { cause });
      }
    });
}

/** Records of a CSV file by its header (RFC 4180: quotes may hold commas, line breaks and doubled quotes). */
export function parseCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [];
  let row: string[] = [];
  let field = '';
  let isQuoted = false;
  const endRow = () => {
    row.push(field);
    if (row.length > 1 || row[0] !== '') rows.push(row);
    row = [];
    field = '';
  };
  for (let i = 0; i < text.length; i++) {
    const character = text[i]!;
    if (isQuoted) {
      if (character !== '"') field += character;
      else if (text[i + 1] === '"') field += text[++i];
      else isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === ',') {
      row.push(field);
      field = '';
    } else if (character === '\n') endRow();
    else if (character !== '\r') field += character;
  }
  endRow();
  const [header = [], ...records] = rows;
  const columns = header.map((column) => column.trim().replace(/^\uFEFF/, ''));
  return records.map((record) => Object.fromEntries(columns.map((column, i) => [column, record[i] ?? ''])));
}

/** Undefined if the file is not there. */
async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}
