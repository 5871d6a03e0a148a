import type { ComposedOps } from '../../ops/ops.js';
import { LEAST_TEMPERATURE } from '../../ops/sampleTokens.js';
import type { Handle } from '../../tensorflow/eager.js';
import { type EagerProgram, runProgram } from '../../tensorflow/eagerProgram.js';

/** Weights that are summed at once. */
const BLOCK_SIZE = 128;
/** The largest share of a sum that stays below the sum when it is rounded. */
const MOST_SHARE = 1 - 2 ** -23;

/**
 * The reference's. A draw is looked for among the sums of blocks, and then in one block: the sums of all weights up to each take
 * longer than all the rest.
 */
export const sampleTokens: ComposedOps['sampleTokens'] = (logits, draws, settings) => {
  const [numKinds, S, V] = logits.shape;
  const blockSize = V % BLOCK_SIZE === 0 ? BLOCK_SIZE : V;
  const inBlocks = [S, V / blockSize, blockSize];
  const tokens = runProgram([logits, draws, settings], (run, given, shares, options) => {
    const [scale, temperature] = run.halves(options!, 0);
    const guided = run.reshape(numKinds === 2 ? guide(run, given!, scale) : given!, [S, V]);
    const below = run.sub(run.twice(guided), run.reduce('Max', guided));
    const logTotal = run.map('Log', run.reduce('Sum', run.map('Exp', run.twice(run.twice(below)))));
    const weights = run.map('Exp', run.div(below, run.max(temperature, LEAST_TEMPERATURE)));

    const blocks = run.twice(run.reshape(weights, inBlocks));
    const sums = run.twice(run.twice(run.reshape(run.reduce('Sum', blocks), inBlocks.slice(0, 2))));
    const ends = run.twice(run.cumulate(sums));
    const shareOf = (total: Handle, share: Handle) => run.mul(total, run.min(share, MOST_SHARE));
    const target = run.twice(shareOf(run.lastOf(ends), run.reshape(shares!, [S, 1])));
    const block = run.min(run.countUpTo(ends, target), V / blockSize - 1); // where nothing compares, too
    for (let read = 1; read < 5; read++) run.twice(block);

    // What is left of the target, as a share of the block: by it the sums in the block need not end in the block's own sum.
    const left = run.div(run.sub(target, run.pick(run.cumulate(sums, true), block)), run.pick(sums, block));
    const sumsInBlock = run.twice(run.cumulate(run.reshape(run.pick(blocks, block), [S, blockSize])));
    const place = run.twice(run.min(run.countUpTo(sumsInBlock, shareOf(run.lastOf(sumsInBlock), left)), blockSize - 1));
    const token = run.widen(run.add(run.mul(block, blockSize), place));
    const belowInBlock = run.reshape(run.pick(run.reshape(below, inBlocks), block), [S, blockSize]);
    return run.columns(token, run.sub(run.pick(belowInBlock, place), logTotal));
  });
  return tokens as ReturnType<ComposedOps['sampleTokens']>;
};

/** conditional + t·(conditional − unconditional); −∞ where that is what the condition says. */
function guide(run: EagerProgram, logits: Handle, scale: Handle): Handle {
  const [conditional, unconditional] = run.halves(logits, 0);
  for (let read = 1; read < 4; read++) run.twice(conditional);
  const moved = run.add(conditional, run.mul(run.sub(conditional, unconditional), scale));
  return run.select(run.equal(conditional, Number.NEGATIVE_INFINITY), conditional, moved);
}
