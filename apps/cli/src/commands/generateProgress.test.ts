import type { GenerationStep, StageName } from '@muse/muse';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { GenerateProgress } from './generateProgress.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }));
afterEach(() => void vi.useRealTimers());

const at = (stage: StageName, step: number, numSteps: number, window = 0, numWindows = 1) =>
  ({ stage, step, numSteps, window, numWindows }) as GenerationStep;

/** What is printed of steps that take three seconds each; before each image but the first, the one before is done. */
function printed(numImages: number, stages: readonly StageName[], images: readonly GenerationStep[][]): string[] {
  const lines: string[] = [];
  const err = (text: string) => void lines.push(text.trimEnd());
  const io: Io = { out: err, err, isOutTerminal: false, isErrTerminal: false, columns: 80, env: {} };
  const progress = new GenerateProgress(new ProgressLine(io), numImages, stages);
  for (const steps of images) {
    for (const step of steps) {
      vi.advanceTimersByTime(3000);
      progress.step(step);
    }
    progress.imageDone();
  }
  return lines;
}

it('counts the steps of one image', () => {
  expect(printed(1, ['base'], [[at('base', 1, 2), at('base', 2, 2)]])).toEqual([
    'Step 1 of 2, 3.0 s left',
    'Step 2 of 2, 0.0 s left',
  ]);
});

it('counts images and both stages', () => {
  const image = [at('base', 1, 1), at('super-res', 1, 1)];
  expect(printed(2, ['base', 'super-res'], [image, image])).toEqual([
    'Image 1 of 2: step 1 of 1, 9.0 s left',
    'Image 1 of 2, super-resolution: step 1 of 1, 6.0 s left',
    'Image 2 of 2: step 1 of 1, 3.0 s left',
    'Image 2 of 2, super-resolution: step 1 of 1, 0.0 s left',
  ]);
});

it('counts windows, and a second stage alone', () => {
  expect(printed(1, ['base'], [[at('base', 1, 1, 0, 2), at('base', 1, 1, 1, 2)]])).toEqual([
    'Window 1 of 2: step 1 of 1, 3.0 s left',
    'Window 2 of 2: step 1 of 1, 0.0 s left',
  ]);
  expect(printed(1, ['super-res'], [[at('super-res', 1, 2)]])).toEqual(['Super-resolution: step 1 of 2, 3.0 s left']);
});
