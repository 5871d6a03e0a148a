import { UsageError } from '../errors.js';

/** Token ids of one stage after each step. */
export interface TokenSteps {
  readonly grid: readonly [height: number, width: number];
  /** Ids [h·w] after each step, rows from the top; the last are the image's. */
  readonly steps: readonly (readonly number[])[];
}

/** Token ids of an image, as `--tokens` writes and `decode-tokens` reads them: the base stage's, and a second one's. */
export interface TokensFile extends TokenSteps {
  readonly superRes?: TokenSteps;
}

export function encodeTokensFile(file: TokensFile): Uint8Array {
  const superRes = file.superRes ? `,\n  "superRes": {\n${fields(file.superRes, '    ')}\n  }` : '';
  return new TextEncoder().encode(`{\n${fields(file, '  ')}${superRes}\n}\n`);
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
  const superRes = (json as Partial<TokensFile> | null)?.superRes;
  if (!isTokenSteps(json) || (superRes !== undefined && !isTokenSteps(superRes))) {
    throw new UsageError(`${path}: expected { "grid": [h, w], "steps": [[h·w token ids], …] }, got something else`);
  }
  const { grid, steps } = json;
  return { grid, steps, ...(superRes && { superRes: { grid: superRes.grid, steps: superRes.steps } }) };
}

function isTokenSteps(json: unknown): json is TokenSteps {
  const { grid, steps } = (json ?? {}) as Partial<TokenSteps>;
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0;
  const isGrid = Array.isArray(grid) && grid.length === 2 && grid.every(isSide);
  const isRow = (ids: unknown) =>
    Array.isArray(ids) && ids.length === grid![0] * grid![1] && ids.every((id) => Number.isSafeInteger(id));
  return isGrid && Array.isArray(steps) && steps.length > 0 && steps.every(isRow);
}
