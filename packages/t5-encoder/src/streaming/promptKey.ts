import type { Checkpoint } from '@muse/checkpoint';
import type { T5Config } from '../config.js';
import { t5ConfigJson } from '../config.js';
import type { PromptStates } from './streamedT5Encoder.js';

/** To be raised whenever the same weights and ids give other states. */
const FORMAT = 'muse-prompt-1';

/** Places of a tensor that a fingerprint looks at. */
const NUM_SAMPLES = 5;

/**
 * A name for a model's content: config, names, shapes and dtypes of all tensors, and rows of each. So a model that was
 * copied or renamed is known again, and another one of the same shapes is not taken for it; reading all of it would take
 * as long as encoding does. Embedding rows are left out: those that a text uses are part of its key.
 *
 * @param precision how the weights are held and on which device, on which the last bits depend
 * @returns SHA-256 in hex
 */
export async function modelFingerprint(checkpoint: Checkpoint, config: T5Config, precision: string): Promise<string> {
  const { maxLength: _, ...sizes } = t5ConfigJson(config);
  const parts: (string | ArrayBufferView)[] = [FORMAT, precision, JSON.stringify(sizes)];
  for (const name of [...checkpoint.names].sort()) {
    const { dtype, shape } = checkpoint.info(name);
    parts.push(`${name} ${dtype} ${shape.join()}`);
    if (name === 'shared.weight') continue;
    const last = shape[0]! - 1;
    const samples = new Set(
      Array.from({ length: NUM_SAMPLES }, (_, index) => Math.floor((last * index) / (NUM_SAMPLES - 1))),
    );
    for (const row of samples) parts.push((await checkpoint.readRows(name, row, 1)).data);
  }
  return sha256(parts);
}

/** What a text's states depend on: the model, the ids in their order, and the embeddings that these have. */
export function promptKey(fingerprint: string, { tokenIds, embeds }: PromptStates): Promise<string> {
  return sha256([fingerprint, tokenIds, embeds]);
}

/** Of the parts, each with its length before it, so that no two lists give the same bytes. */
async function sha256(parts: readonly (string | ArrayBufferView)[]): Promise<string> {
  const encoder = new TextEncoder();
  const chunks = parts.flatMap((part) => {
    const bytes =
      typeof part === 'string'
        ? encoder.encode(part)
        : new Uint8Array(part.buffer as ArrayBuffer, part.byteOffset, part.byteLength);
    return [encoder.encode(`${bytes.length} `), bytes];
  });
  const joined = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  const digest = await crypto.subtle.digest('SHA-256', joined);
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
