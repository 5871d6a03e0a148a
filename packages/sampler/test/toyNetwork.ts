import { normal } from '@muse/backend';
import type { Logits, LogitsRequest } from '../src/index.js';

/** Sizes of a toy network. */
export interface ToySizes {
  readonly seqLen: number;
  readonly codebookSize: number;
}

/** A hash of one image's tokens, so that the toy's logits depend on all of them and on nothing else. */
function hash(tokenIds: Int32Array): number {
  return tokenIds.reduce((sum, id) => (Math.imul(sum, 31) + id) >>> 0, 7);
}

function logitsOf(tokenIds: Int32Array, { seqLen, codebookSize }: ToySizes, stage: number): Float32Array {
  const numImages = tokenIds.length / seqLen;
  const out = new Float32Array(tokenIds.length * codebookSize);
  for (let b = 0; b < numImages; b++) {
    const seed = hash(tokenIds.subarray(b * seqLen, (b + 1) * seqLen));
    out.set(
      normal({ seed, stage }, seqLen * codebookSize).map((x) => 2 * x),
      b * seqLen * codebookSize,
    );
  }
  return out;
}

/** A network whose logits are random but fixed by the tokens of the image: each row depends on its own image only. */
export function toyNetwork(sizes: ToySizes) {
  const requests: LogitsRequest[] = [];
  const tokensToLogits = async (tokenIds: Int32Array, request: LogitsRequest): Promise<Logits> => {
    requests.push(request);
    const conditional = logitsOf(tokenIds, sizes, 1);
    if (!request.needsUnconditional) return { conditional };
    return { conditional, unconditional: logitsOf(tokenIds, sizes, 2) };
  };
  return { tokensToLogits, requests };
}
