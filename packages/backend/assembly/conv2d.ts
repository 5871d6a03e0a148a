import { BLOCK_DEPTH, finish, GEMM_SCRATCH_BYTES, multiply } from './gemm';
import { ceilDiv, integer, pointer, stride } from './job';

/**
 * Some pixels and output channels of a convolution, channels last, as a product: each pixel's window as a row,
 * [pixels, kh·kw·I], times the filter, [kh·kw·I, O]. Windows are gathered by blocks of their depth, so that they stay in the cache
 * however many channels there are. Results lie `spread` pixels apart along both axes (2 for a quarter of an upsampled image).
 */
export function conv2dTask(job: usize, task: i32, scratch: usize): void {
  const outWidth = integer(job, 8);
  const outChannels = integer(job, 9);
  const tilePixels = integer(job, 16);
  const numPixels = integer(job, 17);
  const spread = integer(job, 18);
  const residual = pointer(job, 21);
  const tileChannels = integer(job, 22);

  const channelTiles = ceilDiv(outChannels, tileChannels);
  const first = (task / channelTiles) * tilePixels;
  const count = min(tilePixels, numPixels - first);
  const channel = (task % channelTiles) * tileChannels;
  const numChannels = min(tileChannels, outChannels - channel);
  const atChannel = (<usize>channel) << 2;
  const depth = integer(job, 10) * integer(job, 11) * integer(job, 6);
  const windows = scratch + GEMM_SCRATCH_BYTES;

  const outBytes = (<usize>outChannels) << 2;
  const isSpread = spread > 1;
  const tile = windows + <usize>(tilePixels * BLOCK_DEPTH * 4);
  const tileBytes = (<usize>numChannels) << 2;
  const base = pointer(job, 2) + atChannel;
  const out = isSpread ? tile : base + <usize>first * outBytes;
  const strideOut = isSpread ? tileBytes : outBytes;
  for (let k: i32 = 0; k < depth; k += BLOCK_DEPTH) {
    const size = min(BLOCK_DEPTH, depth - k);
    gatherWindows(job, first, count, k, size, windows);
    const filter = pointer(job, 1) + <usize>k * outBytes + atChannel;
    const windowBytes = (<usize>size) << 2;
    multiply(windows, windowBytes, filter, outBytes, false, out, strideOut, count, size, numChannels, scratch, k > 0);
  }
  const bias = pointer(job, 3);
  finish(
    out,
    strideOut,
    count,
    numChannels,
    bias ? bias + atChannel : 0,
    0,
    residual ? residual + <usize>first * outBytes + atChannel : 0,
    outBytes,
  );
  if (!isSpread) return;
  for (let i: i32 = 0; i < count; i++) {
    const pixel = first + i;
    const line = (pixel / outWidth) * spread + integer(job, 19); // over all images
    const at = line * (outWidth * spread) + (pixel % outWidth) * spread + integer(job, 20);
    copy(base + <usize>at * outBytes, tile + <usize>i * tileBytes, tileBytes);
  }
}

/** Elements [begin, begin + size) of the windows of `count` pixels, [count, size]; a window is [kh, kw, I]. */
function gatherWindows(job: usize, first: i32, count: i32, begin: i32, size: i32, to: usize): void {
  const inHeight = integer(job, 4);
  const inWidth = integer(job, 5);
  const channels = integer(job, 6);
  const outHeight = integer(job, 7);
  const outWidth = integer(job, 8);
  const kernelWidth = integer(job, 11);
  const pixelBytes = stride(job, 6);
  const lineBytes = <usize>inWidth * pixelBytes;
  const firstPlace = begin / channels;
  const firstChannel = begin % channels;
  for (let i: i32 = 0; i < count; i++) {
    const pixel = first + i;
    const image = pixel / (outHeight * outWidth);
    const y = ((pixel / outWidth) % outHeight) * integer(job, 12) - integer(job, 14);
    const x = (pixel % outWidth) * integer(job, 13) - integer(job, 15);
    const source = pointer(job, 0) + <usize>(image * inHeight) * lineBytes;
    let channel = firstChannel;
    let ky = firstPlace / kernelWidth;
    let kx = firstPlace % kernelWidth;
    for (let left = size; left > 0; ) {
      const length = min(left, channels - channel);
      const bytes = (<usize>length) << 2;
      const inY = y + ky;
      const inX = x + kx;
      if (inY < 0 || inY >= inHeight || inX < 0 || inX >= inWidth) {
        clear(to, bytes);
      } else {
        copy(to, source + <usize>inY * lineBytes + <usize>inX * pixelBytes + ((<usize>channel) << 2), bytes);
      }
      to += bytes;
      left -= length;
      channel = 0;
      kx++;
      if (kx === kernelWidth) {
        kx = 0;
        ky++;
      }
    }
  }
}

/** As memory.copy, which is a call of the engine for each of a few channels. */
function copy(to: usize, from: usize, bytes: usize): void {
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(to + at, v128.load(from + at));
  for (; at < bytes; at += 4) store<f32>(to + at, load<f32>(from + at));
}

function clear(to: usize, bytes: usize): void {
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) v128.store(to + at, f32x4.splat(0));
  for (; at < bytes; at += 4) store<f32>(to + at, 0);
}

/**
 * One of the four 2 × 2 filters that a 3 × 3 filter is on an image whose pixels are repeated twice: the places of the
 * filter that meet the same pixel are added. A task is one of its four places.
 */
export function quarterFilterTask(job: usize, task: i32): void {
  const isLower = integer(job, 2) !== 0;
  const isRight = integer(job, 3) !== 0;
  const size = integer(job, 4); // I · O
  const row = task >> 1;
  const column = task & 1;
  // The upper pixel of a pair sees rows {0}, {1, 2} of the filter, the lower one {0, 1}, {2}; columns likewise.
  const firstRow = isLower ? row * 2 : row;
  const lastRow = isLower ? row + 1 : row * 2;
  const firstColumn = isRight ? column * 2 : column;
  const lastColumn = isRight ? column + 1 : column * 2;
  const out = pointer(job, 1) + ((<usize>(task * size)) << 2);
  const bytes = (<usize>size) << 2;
  memory.fill(out, 0, bytes);
  for (let ky = firstRow; ky <= lastRow; ky++) {
    for (let kx = firstColumn; kx <= lastColumn; kx++) {
      const from = pointer(job, 0) + <usize>(ky * 3 + kx) * bytes;
      let at: usize = 0;
      for (; at + 16 <= bytes; at += 16) {
        v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(from + at)));
      }
      for (; at < bytes; at += 4) store<f32>(out + at, load<f32>(out + at) + load<f32>(from + at));
    }
  }
}
