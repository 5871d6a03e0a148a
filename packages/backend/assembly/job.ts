// A job: one kernel, its arguments, and the tasks that threads take from it one by one.

/** Words of a job in memory, which `wasmKernels.ts` writes. */
export enum Word {
  State,
  NextTask,
  NumTasks,
  Kernel,
  Scratch,
  ScratchBytes,
  Arguments,
}

/** Argument `index` of a job. */
export function integer(job: usize, index: i32): i32 {
  return load<i32>(job + ((<usize>(Word.Arguments + index)) << 2));
}

export function pointer(job: usize, index: i32): usize {
  return load<usize>(job + ((<usize>(Word.Arguments + index)) << 2));
}

export function float(job: usize, index: i32): f32 {
  return load<f32>(job + ((<usize>(Word.Arguments + index)) << 2));
}

/** A stride, stored in elements of 4 bytes, in bytes. */
export function stride(job: usize, index: i32): usize {
  return pointer(job, index) << 2;
}

export function ceilDiv(a: i32, b: i32): i32 {
  return (a + b - 1) / b;
}
