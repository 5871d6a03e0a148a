import { UsageError } from '../errors.js';

/** Token ids of an image after each step, as `--tokens` writes and `decode-tokens` reads them. */
export interface TokensFile {
  readonly grid: readonly [height: number, width: number];
  /** Ids [h·w] after each step, rows from the top; the last are the image's. */
  readonly steps: readonly (readonly number[])[];
}

export function encodeTokensFile({ grid, steps }: TokensFile): Uint8Array {
  const rows = steps.map((ids) => `[${ids.join(', ')}]`).join(',\n    ');
  return new TextEncoder().encode(`{\n  "grid": [${grid.join(', ')}],\n  "steps": [\n    ${rows}\n  ]\n}\n`);
}

/** @throws UsageError that says what the file should be like */
export function parseTokensFile(bytes: Uint8Array, path: string): TokensFile {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new UsageError(`${path} is no JSON file`, { cause: error });
  }
  const { grid, steps } = (json ?? {}) as Partial<TokensFile>;
  const isSide = (side: unknown) => Number.isSafeInteger(side) && (side as number) > 0;
  const isGrid = Array.isArray(grid) && grid.length === 2 && grid.every(isSide);
  const isRow = (ids: unknown) =>
    Array.isArray(ids) && ids.length === grid![0] * grid![1] && ids.every((id) => Number.isSafeInteger(id));
  if (!isGrid || !Array.isArray(steps) || steps.length === 0 || !steps.every(isRow)) {
    throw new UsageError(`${path}: expected { "grid": [h, w], "steps": [[h·w token ids], …] }, got something else`);
  }
  return { grid, steps };
}
