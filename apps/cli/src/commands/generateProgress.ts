import type { GenerationStep, StageName } from '@muse/muse';
import { duration } from '../terminal/duration.js';
import type { ProgressLine } from '../terminal/progressLine.js';

/** What, how far, how long still: over all images of a command. */
export class GenerateProgress {
  readonly #progress: ProgressLine;
  readonly #numImages: number;
  readonly #stages: readonly StageName[];
  readonly #startMs = performance.now();
  #numDone = 0;

  /** @param stages those that have their turn on each image; each is taken to last as long */
  constructor(progress: ProgressLine, numImages: number, stages: readonly StageName[]) {
    this.#progress = progress;
    this.#numImages = numImages;
    this.#stages = stages;
  }

  step({ step, numSteps, stage, window, numWindows }: GenerationStep): void {
    const stagesDone = this.#stages.indexOf(stage) + step / numSteps;
    const done = this.#numDone + (window + stagesDone / this.#stages.length) / numWindows;
    const elapsedMs = performance.now() - this.#startMs;
    const left = duration((elapsedMs / done) * (this.#numImages - done));
    const where = [
      this.#numImages > 1 && `image ${this.#numDone + 1} of ${this.#numImages}`,
      numWindows > 1 && `window ${window + 1} of ${numWindows}`,
      stage === 'super-res' && 'super-resolution',
    ].filter((part) => part !== false);
    const text = `${where.join(', ')}${where.length > 0 ? ': ' : ''}step ${step} of ${numSteps}, ${left} left`;
    this.#progress.update(text[0]!.toUpperCase() + text.slice(1));
  }

  imageDone(): void {
    this.#numDone++;
  }
}
