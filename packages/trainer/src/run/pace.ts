/** Weight of the newest measurement in the running mean. */
const NEWEST_WEIGHT = 0.1;

/** Running mean of the time per step. The first step is left out of it once there is a second: it also compiles and allocates. */
export class Pace {
  #last: number;
  #secondsPerStep = 0;
  #measurements = 0;

  constructor(
    private readonly imagesPerStep: number,
    private readonly now: () => number = () => performance.now(),
  ) {
    this.#last = now();
  }

  /** Call after `numSteps` more steps. */
  add(numSteps: number): void {
    const time = this.now();
    const seconds = (time - this.#last) / 1000 / numSteps;
    this.#last = time;
    this.#measurements++;
    const isRestart = this.#measurements <= 2;
    this.#secondsPerStep = isRestart
      ? seconds
      : this.#secondsPerStep + NEWEST_WEIGHT * (seconds - this.#secondsPerStep);
  }

  get secondsPerStep(): number {
    return this.#secondsPerStep;
  }

  get imagesPerSecond(): number {
    return this.#secondsPerStep > 0 ? this.imagesPerStep / this.#secondsPerStep : 0;
  }
}
