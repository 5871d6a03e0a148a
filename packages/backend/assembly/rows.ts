import { activate } from './activations';
import { float, integer, pointer } from './job';
import { exp4, sumLanes } from './simd';

/** Layer or RMS norm of some rows, then scale and shift of their image's condition. */
export function rowNormTask(job: usize, task: i32): void {
  const numRows = integer(job, 2);
  const width = integer(job, 3);
  const isCentred = integer(job, 4) !== 0;
  const epsilon = float(job, 5);
  const weight = pointer(job, 6);
  const bias = pointer(job, 7);
  const scale = pointer(job, 8);
  const shift = pointer(job, 9);
  const rowsPerImage = integer(job, 10);
  const tileRows = integer(job, 11);
  const bytes = (<usize>width) << 2;
  const end = min(numRows, (task + 1) * tileRows);
  for (let row = task * tileRows; row < end; row++) {
    const x = pointer(job, 0) + <usize>row * bytes;
    const out = pointer(job, 1) + <usize>row * bytes;
    const mean: f32 = isCentred ? sumOf(x, bytes) / <f32>width : 0;
    const factor: f32 = 1 / sqrt<f32>(sumOfSquares(x, bytes, mean) / <f32>width + epsilon);
    const condition = scale ? <usize>(row / rowsPerImage) * bytes : 0;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      let y = f32x4.mul(f32x4.sub(v128.load(x + at), f32x4.splat(mean)), f32x4.splat(factor));
      y = f32x4.mul(y, v128.load(weight + at));
      if (bias) y = f32x4.add(y, v128.load(bias + at));
      if (scale) y = f32x4.add(f32x4.mul(y, v128.load(scale + condition + at)), v128.load(shift + condition + at));
      v128.store(out + at, y);
    }
    for (; at < bytes; at += 4) {
      let y = (load<f32>(x + at) - mean) * factor * load<f32>(weight + at);
      if (bias) y += load<f32>(bias + at);
      if (scale) y = y * load<f32>(scale + condition + at) + load<f32>(shift + condition + at);
      store<f32>(out + at, y);
    }
  }
}

function sumOf(x: usize, bytes: usize): f32 {
  let sums = f32x4.splat(0);
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) sums = f32x4.add(sums, v128.load(x + at));
  let sum = sumLanes(sums);
  for (; at < bytes; at += 4) sum += load<f32>(x + at);
  return sum;
}

function sumOfSquares(x: usize, bytes: usize, mean: f32): f32 {
  let sums = f32x4.splat(0);
  let at: usize = 0;
  for (; at + 16 <= bytes; at += 16) {
    const centred = f32x4.sub(v128.load(x + at), f32x4.splat(mean));
    sums = f32x4.add(sums, f32x4.mul(centred, centred));
  }
  let sum = sumLanes(sums);
  for (; at < bytes; at += 4) {
    const centred = load<f32>(x + at) - mean;
    sum += centred * centred;
  }
  return sum;
}

/** An activation of some rows; gated: first half of a row times the activation of the second. */
export function activationTask(job: usize, task: i32): void {
  const numRows = integer(job, 2);
  const width = integer(job, 3);
  const activation = integer(job, 4);
  const isGated = integer(job, 5) !== 0;
  const tileRows = integer(job, 6);
  const bytes = (<usize>width) << 2;
  const end = min(numRows, (task + 1) * tileRows);
  for (let row = task * tileRows; row < end; row++) {
    const out = pointer(job, 1) + <usize>row * bytes;
    const value = pointer(job, 0) + <usize>row * (isGated ? 2 * bytes : bytes);
    const gate = isGated ? value + bytes : value;
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) {
      let y = activate(activation, v128.load(gate + at));
      if (isGated) y = f32x4.mul(y, v128.load(value + at));
      v128.store(out + at, y);
    }
    for (; at < bytes; at += 4) {
      let y = f32x4.extract_lane(activate(activation, v128.load_splat<f32>(gate + at)), 0);
      if (isGated) y *= load<f32>(value + at);
      store<f32>(out + at, y);
    }
  }
}

/** Cross-entropy with label smoothing of some rows: log Σeˣ − (1 − ε)·x_label − ε·mean x. */
export function crossEntropyTask(job: usize, task: i32): void {
  const numRows = integer(job, 3);
  const width = integer(job, 4);
  const smoothing = float(job, 5);
  const tileRows = integer(job, 6);
  const bytes = (<usize>width) << 2;
  const end = min(numRows, (task + 1) * tileRows);
  for (let row = task * tileRows; row < end; row++) {
    const x = pointer(job, 0) + <usize>row * bytes;
    let greatest = -f32.MAX_VALUE;
    for (let at: usize = 0; at < bytes; at += 4) greatest = max(greatest, load<f32>(x + at));
    const shift = f32x4.splat(greatest);
    let sums = f32x4.splat(0);
    let at: usize = 0;
    for (; at + 16 <= bytes; at += 16) sums = f32x4.add(sums, exp4(f32x4.sub(v128.load(x + at), shift)));
    let sum = sumLanes(sums);
    for (; at < bytes; at += 4) {
      sum += f32x4.extract_lane(exp4(f32x4.sub(v128.load_splat<f32>(x + at), shift)), 0);
    }
    const label = load<i32>(pointer(job, 1) + ((<usize>row) << 2));
    const logit = load<f32>(x + ((<usize>label) << 2));
    const mean = sumOf(x, bytes) / <f32>width;
    const logSum = <f32>Math.log(<f64>sum) + greatest;
    store<f32>(pointer(job, 2) + ((<usize>row) << 2), logSum - (1 - smoothing) * logit - smoothing * mean);
  }
}

/** Some rows of a table by their numbers. */
export function gatherTask(job: usize, task: i32): void {
  const numRows = integer(job, 3);
  const bytes = (<usize>integer(job, 4)) << 2;
  const tileRows = integer(job, 5);
  const end = min(numRows, (task + 1) * tileRows);
  for (let row = task * tileRows; row < end; row++) {
    const id = load<i32>(pointer(job, 1) + ((<usize>row) << 2));
    memory.copy(pointer(job, 2) + <usize>row * bytes, pointer(job, 0) + <usize>id * bytes, bytes);
  }
}

/** One line of an image whose pixels are repeated: each pixel `scale` times, then the line `scale` times. */
export function upsampleTask(job: usize, task: i32): void {
  const width = integer(job, 2);
  const bytes = (<usize>integer(job, 3)) << 2;
  const scale = integer(job, 4);
  const lineBytes = <usize>(width * scale) * bytes;
  const line = pointer(job, 1) + <usize>(task * scale) * lineBytes;
  let from = pointer(job, 0) + <usize>(task * width) * bytes;
  let to = line;
  for (let x: i32 = 0; x < width; x++) {
    for (let i: i32 = 0; i < scale; i++) {
      memory.copy(to, from, bytes);
      to += bytes;
    }
    from += bytes;
  }
  for (let i: i32 = 1; i < scale; i++) memory.copy(line + <usize>i * lineBytes, line, lineBytes);
}
