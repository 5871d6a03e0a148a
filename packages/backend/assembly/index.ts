// Kernels of the wasm device, in AssemblyScript, on tfjs's own memory. `pnpm kernels` compiles them into
// src/kernels/wasm/kernelBinary.ts.

import { attentionTask } from './attention';
import { conv2dTask, quarterFilterTask } from './conv2d';
import { chunkMomentsTask, groupApplyTask, groupSlopesTask } from './groupNorm';
import { Word } from './job';
import { matMulTask } from './matMul';
import { activationTask, crossEntropyTask, gatherTask, rowNormTask, upsampleTask } from './rows';

/** Looks at a word this often before it sleeps: longer than the pause between two jobs of a forward pass, mostly. */
const NUM_LOOKS: i32 = 4096;

// The word of the state: in its low byte how many helpers are inside of the job, above that whether more may come, above that
// the number of the job. Only who comes in is waited for: a thread that has no processor now holds up nobody.
const INSIDE: i32 = 0xff;
const OPEN: i32 = 0x100;
const NUMBER_SHIFT: i32 = 9;

/** A thread's life: waits for jobs and helps with each. Ends with the thread. */
export function help(job: usize, thread: i32): void {
  const word = job + (Word.State << 2);
  let last: i32 = 0;
  let looks = NUM_LOOKS;
  while (true) {
    const state = atomic.load<i32>(word);
    const number = state >>> NUMBER_SHIFT;
    if ((state & OPEN) !== 0 && number !== last) {
      if (atomic.cmpxchg<i32>(word, state, state + 1) !== state) continue;
      takeTasks(job, thread);
      atomic.sub<i32>(word, 1);
      last = number;
      looks = NUM_LOOKS;
    } else if (looks > 0) {
      looks--;
    } else {
      atomic.wait<i32>(word, state, -1);
      looks = NUM_LOOKS;
    }
  }
}

/** Runs the job that was written, with the help of other threads, and returns when all of it is done. */
export function run(job: usize, numHelpers: i32): void {
  const numTasks = load<i32>(job, Word.NumTasks << 2);
  atomic.store<i32>(job + (Word.NextTask << 2), 0);
  if (numTasks === 1 || numHelpers === 0) {
    takeTasks(job, 0);
    return;
  }
  const word = job + (Word.State << 2);
  atomic.store<i32>(word, (((atomic.load<i32>(word) >>> NUMBER_SHIFT) + 1) << NUMBER_SHIFT) | OPEN);
  atomic.notify(word, numHelpers);
  takeTasks(job, 0);
  atomic.and<i32>(word, ~OPEN);
  // A page's main thread may not sleep.
  while ((atomic.load<i32>(word) & INSIDE) !== 0) {}
}

function takeTasks(job: usize, thread: i32): void {
  const numTasks = load<i32>(job, Word.NumTasks << 2);
  const kernel = load<i32>(job, Word.Kernel << 2);
  const scratch = load<usize>(job, Word.Scratch << 2) + <usize>thread * load<usize>(job, Word.ScratchBytes << 2);
  while (true) {
    const task = atomic.add<i32>(job + (Word.NextTask << 2), 1);
    if (task >= numTasks) return;
    runTask(kernel, job, task, scratch);
  }
}

/** Kernels by the numbers that `wasmKernels.ts` knows. */
function runTask(kernel: i32, job: usize, task: i32, scratch: usize): void {
  switch (kernel) {
    case 0:
      matMulTask(job, task, scratch);
      break;
    case 1:
      conv2dTask(job, task, scratch);
      break;
    case 2:
      quarterFilterTask(job, task);
      break;
    case 3:
      attentionTask(job, task, scratch);
      break;
    case 4:
      rowNormTask(job, task);
      break;
    case 5:
      activationTask(job, task);
      break;
    case 6:
      crossEntropyTask(job, task);
      break;
    case 7:
      gatherTask(job, task);
      break;
    case 8:
      upsampleTask(job, task);
      break;
    case 9:
      chunkMomentsTask(job, task);
      break;
    case 10:
      groupSlopesTask(job, task);
      break;
    case 11:
      groupApplyTask(job, task);
      break;
    default:
      unreachable();
  }
}
