import { GEMM_SCRATCH_BYTES, multiply } from './gemm';
import { ceilDiv, float, integer, pointer, stride } from './job';
import { exp4, maxLanes, sumLanes } from './simd';

/** softmax(q·kᵀ·scale + bias)·v for some queries of one head; heads are read in place, between each other. */
export function attentionTask(job: usize, task: i32, scratch: usize): void {
  const numQueries = integer(job, 4);
  const numKeys = integer(job, 5);
  const numHeads = integer(job, 6);
  const headDim = integer(job, 7);
  const scale = float(job, 8);
  const tileRows = integer(job, 9);
  const keyMask = pointer(job, 10);
  const bias = pointer(job, 11);
  const strideQ = stride(job, 15);
  const strideK = stride(job, 16);
  const strideV = stride(job, 17);

  const tiles = ceilDiv(numQueries, tileRows);
  const head = (task / tiles) % numHeads;
  const image = task / (tiles * numHeads);
  const row = (task % tiles) * tileRows;
  const rows = min(tileRows, numQueries - row);
  const headOffset = (<usize>(head * headDim)) << 2;
  const strideOut = (<usize>(numHeads * headDim)) << 2;
  const firstRow = <usize>(image * numQueries + row);
  const firstKey = <usize>(image * numKeys);

  const q = pointer(job, 0) + firstRow * strideQ + headOffset;
  const k = pointer(job, 1) + firstKey * strideK + headOffset;
  const v = pointer(job, 2) + firstKey * strideV + headOffset;
  const out = pointer(job, 3) + firstRow * strideOut + headOffset;
  const scores = scratch + GEMM_SCRATCH_BYTES;
  const strideScores = (<usize>numKeys) << 2;
  multiply(q, strideQ, k, strideK, true, scores, strideScores, rows, headDim, numKeys, scratch);
  const mask = keyMask ? keyMask + (firstKey << 2) : 0;
  const headBias = bias ? bias + <usize>image * stride(job, 12) + <usize>head * stride(job, 13) : 0;
  for (let i: i32 = 0; i < rows; i++) {
    const rowBias = headBias ? headBias + <usize>(row + i) * stride(job, 14) : 0;
    softmax(scores + <usize>i * strideScores, numKeys, scale, rowBias, mask);
  }
  multiply(scores, strideScores, v, strideV, false, out, strideOut, rows, numKeys, headDim, scratch);
}

/** Of the keys that may be seen, in place; zeros where there is none. */
function softmax(row: usize, size: i32, scale: f32, bias: usize, mask: usize): void {
  const end = (<usize>size) << 2;
  const least = f32x4.splat(-f32.MAX_VALUE);
  let greatestOf = least;
  let seenOf = f32x4.splat(0);
  let at: usize = 0;
  for (; at + 16 <= end; at += 16) {
    let score = f32x4.mul(v128.load(row + at), f32x4.splat(scale));
    if (bias) score = f32x4.add(score, v128.load(bias + at));
    v128.store(row + at, score);
    if (mask) {
      const isSeen = f32x4.ne(v128.load(mask + at), f32x4.splat(0));
      seenOf = v128.or(seenOf, isSeen);
      score = v128.bitselect(score, least, isSeen);
    }
    greatestOf = f32x4.pmax(greatestOf, score);
  }
  let greatest = maxLanes(greatestOf);
  let seesAny = (at > 0 && !mask) || v128.any_true(seenOf);
  for (; at < end; at += 4) {
    let score = load<f32>(row + at) * scale;
    if (bias) score += load<f32>(bias + at);
    store<f32>(row + at, score);
    if (mask && load<f32>(mask + at) === 0) continue;
    seesAny = true;
    greatest = max(greatest, score);
  }
  if (!seesAny) {
    memory.fill(row, 0, end);
    return;
  }
  let sums = f32x4.splat(0);
  for (at = 0; at + 16 <= end; at += 16) {
    let value = exp4(f32x4.sub(v128.load(row + at), f32x4.splat(greatest)));
    if (mask) value = f32x4.mul(value, v128.load(mask + at));
    v128.store(row + at, value);
    sums = f32x4.add(sums, value);
  }
  let sum = sumLanes(sums);
  for (; at < end; at += 4) {
    let value = f32x4.extract_lane(exp4(f32x4.splat(load<f32>(row + at) - greatest)), 0);
    if (mask) value *= load<f32>(mask + at);
    store<f32>(row + at, value);
    sum += value;
  }
  const inverse = <f32>1 / sum;
  for (at = 0; at + 16 <= end; at += 16) v128.store(row + at, f32x4.mul(v128.load(row + at), f32x4.splat(inverse)));
  for (; at < end; at += 4) store<f32>(row + at, load<f32>(row + at) * inverse);
}
