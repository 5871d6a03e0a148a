import type { GenerationStep } from '@muse/muse';
import { duration } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';

/** What, how far, how long still: over all images of all prompts. */
export class GenerateProgress {
  readonly #progress: ProgressLine;
  readonly #numImages: number;
  readonly #startMs = performance.now();
  #numDone = 0;

  constructor(progress: ProgressLine, numImages: number) {
    this.#progress = progress;
    this.#numImages = numImages;
  }

  step({ step, numSteps }: GenerationStep): void {
    const done = this.#numDone + step / numSteps;
    const elapsedMs = performance.now() - this.#startMs;
    const left = duration((elapsedMs / done) * (this.#numImages - done));
    const image = this.#numImages > 1 ? `Image ${this.#numDone + 1} of ${this.#numImages}: s` : 'S';
    this.#progress.update(`${image}tep ${step} of ${numSteps}, ${left} left`);
  }

  imageDone(): void {
    this.#numDone++;
  }
}
