import type { Io } from './io.js';

/** Time between two lines where each stays, as in a log file, unless told otherwise. */
const MIN_LINE_GAP_MS = 2000;
/** Time between two updates of a line in place. */
const MIN_UPDATE_GAP_MS = 50;

/**
 * Progress on stderr: in a terminal one line that is written over, elsewhere a plain line from time to time.
 */
export class ProgressLine {
  readonly #io: Io;
  readonly #isQuiet: boolean;
  readonly #lineGapMs: number;
  #lastMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(io: Io, isQuiet = false, lineGapMs = MIN_LINE_GAP_MS) {
    this.#io = io;
    this.#isQuiet = isQuiet;
    this.#lineGapMs = lineGapMs;
  }

  /** What is going on. May be left out if the last one was a moment ago. */
  update(text: string): void {
    if (this.#isQuiet) return;
    const now = performance.now();
    const gap = this.#io.isErrTerminal ? MIN_UPDATE_GAP_MS : this.#lineGapMs;
    if (now - this.#lastMs < gap) return;
    this.#lastMs = now;
    if (!this.#io.isErrTerminal) {
      this.#io.err(`${text}\n`);
      return;
    }
    this.#io.err(`\r\x1b[2K${text.slice(0, Math.max(1, this.#io.columns - 1))}`);
    this.#isShown = true;
  }

  /** A line that stays, in a terminal and elsewhere. */
  line(text: string): void {
    if (this.#isQuiet) return;
    this.clear();
    this.#io.err(`${text}\n`);
    this.#lastMs = this.#io.isErrTerminal ? Number.NEGATIVE_INFINITY : performance.now();
  }

  /** Takes the line in place away, before something else is printed. */
  clear(): void {
    if (this.#isShown) this.#io.err('\r\x1b[2K');
    this.#isShown = false;
  }
}
