import { activate, SILU } from './activations';
import { ceilDiv, float, integer, pointer } from './job';

// Group norm in three jobs: means of chunks of pixels, what they make together, and the result. Chunks depend on the shape
// alone, and their moments are put together by Chan's formula, so that nothing is lost to large means.

/** Per channel of a chunk: mean, and sum of squared differences from it, f32 [2, C]. A task is a chunk of an image. */
export function chunkMomentsTask(job: usize, task: i32): void {
  const numPixels = integer(job, 2);
  const bytes = (<usize>integer(job, 3)) << 2;
  const chunkPixels = integer(job, 4);
  const chunks = ceilDiv(numPixels, chunkPixels);
  const first = (task % chunks) * chunkPixels;
  const count = min(chunkPixels, numPixels - first);
  const pixels = pointer(job, 0) + <usize>((task / chunks) * numPixels + first) * bytes;
  const means = pointer(job, 1) + <usize>task * 2 * bytes;
  const squares = means + bytes;
  memory.fill(means, 0, 2 * bytes);
  for (let i: i32 = 0; i < count; i++) {
    const pixel = pixels + <usize>i * bytes;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) v128.store(means + at, f32x4.add(v128.load(means + at), v128.load(pixel + at)));
    for (; at < bytes; at += 4) store<f32>(means + at, load<f32>(means + at) + load<f32>(pixel + at));
  }
  for (let at: usize = 0; at < bytes; at += 4) store<f32>(means + at, load<f32>(means + at) / <f32>count);
  for (let i: i32 = 0; i < count; i++) {
    const pixel = pixels + <usize>i * bytes;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      const centred = f32x4.sub(v128.load(pixel + at), v128.load(means + at));
      v128.store(squares + at, f32x4.add(v128.load(squares + at), f32x4.mul(centred, centred)));
    }
    for (; at < bytes; at += 4) {
      const centred = load<f32>(pixel + at) - load<f32>(means + at);
      store<f32>(squares + at, load<f32>(squares + at) + centred * centred);
    }
  }
}

/** Slope and offset of each channel, f32 [2, C] per image, from the moments of its chunks. A task is a group of an image. */
export function groupSlopesTask(job: usize, task: i32): void {
  const numPixels = integer(job, 2);
  const channels = integer(job, 3);
  const chunkPixels = integer(job, 4);
  const numGroups = integer(job, 5);
  const epsilon = float(job, 6);
  const weight = pointer(job, 7);
  const bias = pointer(job, 8);
  const bytes = (<usize>channels) << 2;
  const chunks = ceilDiv(numPixels, chunkPixels);
  const image = task / numGroups;
  const size = channels / numGroups;
  const first = (task % numGroups) * size;
  let count: f64 = 0;
  let mean: f64 = 0;
  let squares: f64 = 0;
  for (let chunk: i32 = 0; chunk < chunks; chunk++) {
    const n = <f64>min(chunkPixels, numPixels - chunk * chunkPixels);
    const moments = pointer(job, 0) + <usize>(image * chunks + chunk) * 2 * bytes;
    for (let channel = first; channel < first + size; channel++) {
      const at = (<usize>channel) << 2;
      const delta = <f64>load<f32>(moments + at) - mean;
      const total = count + n;
      mean += (delta * n) / total;
      squares += <f64>load<f32>(moments + bytes + at) + (delta * delta * count * n) / total;
      count = total;
    }
  }
  const factor = 1 / Math.sqrt(squares / count + <f64>epsilon);
  const slopes = pointer(job, 1) + <usize>image * 2 * bytes;
  for (let channel = first; channel < first + size; channel++) {
    const at = (<usize>channel) << 2;
    const slope = factor * <f64>load<f32>(weight + at);
    store<f32>(slopes + at, <f32>slope);
    store<f32>(slopes + bytes + at, <f32>(<f64>load<f32>(bias + at) - mean * slope));
  }
}

/** x · slope + offset, and SiLU of it if wanted. A task is a chunk of an image. */
export function groupApplyTask(job: usize, task: i32): void {
  const numPixels = integer(job, 3);
  const bytes = (<usize>integer(job, 4)) << 2;
  const chunkPixels = integer(job, 5);
  const isActivated = integer(job, 6) !== 0;
  const chunks = ceilDiv(numPixels, chunkPixels);
  const image = task / chunks;
  const first = (task % chunks) * chunkPixels;
  const count = min(chunkPixels, numPixels - first);
  const start = <usize>(image * numPixels + first) * bytes;
  const slopes = pointer(job, 1) + <usize>image * 2 * bytes;
  const offsets = slopes + bytes;
  for (let i: i32 = 0; i < count; i++) {
    const x = pointer(job, 0) + start + <usize>i * bytes;
    const out = pointer(job, 2) + start + <usize>i * bytes;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      let y = f32x4.add(f32x4.mul(v128.load(x + at), v128.load(slopes + at)), v128.load(offsets + at));
      if (isActivated) y = activate(SILU, y);
      v128.store(out + at, y);
    }
    for (; at < bytes; at += 4) {
      let y = f32x4.splat(load<f32>(x + at) * load<f32>(slopes + at) + load<f32>(offsets + at));
      if (isActivated) y = activate(SILU, y);
      store<f32>(out + at, f32x4.extract_lane(y, 0));
    }
  }
}
