import { UsageError } from '../errors.js';

/** Token ids of one stage after each step. */
export interface TokenSteps {
  readonly grid: readonly [height: number, width: number];
  /** Ids [h·w] after each step, rows from the top; the last are the image's. */
  readonly steps: readonly (readonly number[])[];
}

/** Token ids of an image, or of a window of one: the base stage's, and a second one's. */
export interface ImageTokens extends TokenSteps {
  readonly superRes?: TokenSteps;
  /** Of an edit: the square of the image that the tokens cover, in pixels; it may reach beyond the image. */
  readonly region?: readonly [x: number, y: number, width: number, height: number];
}

/** What `--tokens` writes and `decode-tokens` reads: tokens of an image, or of the windows by which `outpaint` grew one. */
export type TokensFile = ImageTokens | { readonly windows: readonly ImageTokens[] };

export function encodeTokensFile(file: TokensFile): Uint8Array {
  const windows = 'windows' in file && file.windows.map((window) => `    ${imageFields(window, '    ')}`).join(',\n');
  const text = windows === false ? imageFields(file as ImageTokens, '') : `{\n  "windows": [\n${windows}\n  ]\n}`;
  return new TextEncoder().encode(`${text}\n`);
}

function imageFields({ region, superRes, ...base }: ImageTokens, indent: string): string {
  const inner = `${indent}  `;
  return [
    `{\n${region ? `${inner}"region": [${region.join(', ')}],\n` : ''}`,
    fields(base, inner),
    superRes ? `,\n${inner}"superRes": {\n${fields(superRes, `${inner}  `)}\n${inner}}` : '',
    `\n${indent}}`,
  ].join('');
}

function fields({ grid, steps }: TokenSteps, indent: string): string {
  const rows = steps.map((ids) => `${indent}  [${ids.join(', ')}]`).join(',\n');
  return `${indent}"grid": [${grid.join(', ')}],\n${indent}"steps": [\n${rows}\n${indent}]`;
}

/** @throws UsageError that says what the file should be like */
export function parseTokensFile(bytes: Uint8Array, path: string): TokensFile {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UsageError(`${path} is no JSON file`, { cause: error });
  }
  const windows = (json as { windows?: unknown } | null)?.windows;
  if (windows === undefined) return parseImage(json, path);
  if (!Array.isArray(windows) || windows.length === 0) {
    throw new UsageError(`${path}: expected "windows" to be a list of the tokens of each, got something else`);
  }
  return { windows: windows.map((window) => parseImage(window, path)) };
}

function parseImage(json: unknown, path: string): ImageTokens {
  const { superRes, region } = (json ?? {}) as Partial<ImageTokens>;
  if (!isTokenSteps(json) || (superRes !== undefined && !isTokenSteps(superRes))) {
    throw new UsageError(`${path}: expected { "grid": [h, w], "steps": [[h·w token ids], …] }, got something else`);
  }
  if (region !== undefined && !(Array.isArray(region) && region.length === 4 && region.every(Number.isFinite))) {
    throw new UsageError(`${path}: expected "region" to be [x, y, width, height], got ${JSON.stringify(region)}`);
  }
  const { grid, steps } = json;
  return {
    ...(region && { region }),
    grid,
    steps,
    ...(superRes && { superRes: { grid: superRes.grid, steps: superRes.steps } }),
  };
}

function isTokenSteps(json: unknown): json is TokenSteps {
  const { grid, steps } = (json ?? {}) as Partial<TokenSteps>;
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0;
  const isGrid = Array.isArray(grid) && grid.length === 2 && grid.every(isSide);
  const isRow = (ids: unknown) =>
    Array.isArray(ids) && ids.length === grid![0] * grid![1] && ids.every((id) => Number.isSafeInteger(id));
  return isGrid && Array.isArray(steps) && steps.length > 0 && steps.every(isRow);
}
