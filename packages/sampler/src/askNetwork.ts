import { type ErrorPlace, ShapeError } from '@muse/backend';
import type { Logits, LogitsRequest, ResolvedDecodeOptions } from './decodeOptions.js';

/**
 * One call of the network, with its answer checked.
 *
 * @param tokenIds i32 [B·S]; the network gets a copy
 * @throws ShapeError if the logits have another size than B·S·V
 * @throws the signal's reason (an AbortError), before and after the call
 */
export async function askNetwork(
  { tokensToLogits, codebookSize, signal }: ResolvedDecodeOptions,
  tokenIds: Int32Array,
  request: LogitsRequest,
  place: ErrorPlace,
): Promise<Logits> {
  signal?.throwIfAborted();
  const logits = await tokensToLogits(tokenIds.slice(), request);
  signal?.throwIfAborted();
  const size = tokenIds.length * codebookSize;
  const sizes = {
    conditional: logits.conditional?.length,
    ...(request.needsUnconditional && { unconditional: logits.unconditional?.length }),
  };
  for (const [name, got] of Object.entries(sizes)) {
    if (got !== size) {
      const expected = `${size} ${name} logits (B·S ${tokenIds.length} × V ${codebookSize})`;
      throw new ShapeError(place, `expected tokensToLogits to give ${expected}, got ${got ?? 'none'}`);
    }
  }
  return logits;
}
