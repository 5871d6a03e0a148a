import { finish, GEMM_SCRATCH_BYTES, multiply } from './gemm';
import { integer, pointer, stride } from './job';

/**
 * Some pixels of a convolution, channels last, as a product: each pixel's window as a row, [pixels, kh·kw·I], times the
 * filter, [kh·kw·I, O]. Results lie `spread` pixels apart along both axes (2 for a quarter of an upsampled image).
 */
export function conv2dTask(job: usize, task: i32, scratch: usize): void {
  const inHeight = integer(job, 4);
  const inWidth = integer(job, 5);
  const pixelBytes = stride(job, 6);
  const outHeight = integer(job, 7);
  const outWidth = integer(job, 8);
  const outChannels = integer(job, 9);
  const kernelHeight = integer(job, 10);
  const kernelWidth = integer(job, 11);
  const strideHeight = integer(job, 12);
  const strideWidth = integer(job, 13);
  const padTop = integer(job, 14);
  const padLeft = integer(job, 15);
  const tileRows = integer(job, 16);
  const numPixels = integer(job, 17);
  const spread = integer(job, 18);
  const spreadRow = integer(job, 19);
  const spreadColumn = integer(job, 20);
  const residual = pointer(job, 21);

  const first = task * tileRows;
  const count = min(tileRows, numPixels - first);
  const depth = kernelHeight * kernelWidth * integer(job, 6);
  const windowBytes = (<usize>depth) << 2;
  const windows = scratch + GEMM_SCRATCH_BYTES;
  const imageBytes = <usize>(inHeight * inWidth) * pixelBytes;
  const lineBytes = <usize>inWidth * pixelBytes;
  let to = windows;
  for (let i: i32 = 0; i < count; i++) {
    const pixel = first + i;
    const image = pixel / (outHeight * outWidth);
    const y = ((pixel / outWidth) % outHeight) * strideHeight - padTop;
    const x = (pixel % outWidth) * strideWidth - padLeft;
    const source = pointer(job, 0) + <usize>image * imageBytes;
    for (let ky: i32 = 0; ky < kernelHeight; ky++) {
      const inY = y + ky;
      for (let kx: i32 = 0; kx < kernelWidth; kx++) {
        const inX = x + kx;
        if (inY < 0 || inY >= inHeight || inX < 0 || inX >= inWidth) {
          memory.fill(to, 0, pixelBytes);
        } else {
          memory.copy(to, source + <usize>inY * lineBytes + <usize>inX * pixelBytes, pixelBytes);
        }
        to += pixelBytes;
      }
    }
  }

  const outBytes = (<usize>outChannels) << 2;
  const isSpread = spread > 1;
  const base = pointer(job, 2);
  const out = isSpread ? windows + <usize>tileRows * windowBytes : base + <usize>first * outBytes;
  multiply(windows, windowBytes, pointer(job, 1), outBytes, false, out, outBytes, count, depth, outChannels, scratch);
  finish(
    out,
    outBytes,
    count,
    outChannels,
    pointer(job, 3),
    0,
    residual ? residual + <usize>first * outBytes : 0,
    outBytes,
  );
  if (!isSpread) return;
  for (let i: i32 = 0; i < count; i++) {
    const pixel = first + i;
    const line = (pixel / outWidth) * spread + spreadRow; // over all images
    const at = line * (outWidth * spread) + (pixel % outWidth) * spread + spreadColumn;
    memory.copy(base + <usize>at * outBytes, out + <usize>i * outBytes, outBytes);
  }
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
