import { ConfigError, MuseError } from '@muse/backend';
import { heldOutPrompts, type SceneKind, type ScenePrompt, sceneKinds } from '@muse/emoji-scenes';
import { readingOf, type SceneReading } from '../classifier/reading.js';
import { readPictures } from '../classifier/readPictures.js';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';
import { type Answer, type SuiteScores, suiteScores } from './suiteScores.js';
import { type Picture, toPicture } from './toPicture.js';

export interface SuiteOptions {
  /** Makes one picture for each prompt, in their order. */
  readonly generate: (prompts: readonly SuitePrompt[]) => AsyncIterable<Picture> | Iterable<Picture>;
  readonly classifier: SceneClassifier;
  /** Prompts of each kind, or of each by itself. Default 500. */
  readonly count?: number | Readonly<Record<SceneKind, number>>;
  /** Which prompts, and the seeds of the pictures. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: SuiteProgress) => void;
}

export interface SuitePrompt {
  readonly prompt: string;
  readonly seed: number;
}

export interface SuiteProgress {
  /** Pictures that were made. */
  readonly done: number;
  readonly total: number;
  readonly kind: SceneKind;
}

export interface SuiteReport extends SuiteScores {
  readonly seed: number;
  /** What was asked, and what the classifier saw. */
  readonly answers: readonly Answer[];
}

/** Pictures that are read in one pass. */
const BATCH = 50;

/**
 * Asks a model for scenes that it never saw in training, and lets a classifier, which learned from real renders only,
 * say what its pictures show. Pairs are compared in the one reading that a picture has (`readingOf`).
 *
 * @throws ConfigError for a bad count; MuseError when there are too few or too many pictures; ImageError; the signal's reason
 */
export async function evaluateSuite(options: SuiteOptions): Promise<SuiteReport> {
  const { generate, classifier, count = 500, seed = 0, signal, onProgress } = options;
  const counts = typeof count === 'number' ? { single: count, count, pair: count } : count;
  if (sceneKinds.some((kind) => !Number.isSafeInteger(counts[kind]) || counts[kind] < 0)) {
    const got = JSON.stringify(count);
    throw new ConfigError(place, `expected count to be integers of at least 0, got ${got}`);
  }
  const total = sceneKinds.reduce((sum, kind) => sum + counts[kind], 0);
  const answers: Answer[] = [];
  for (const kind of sceneKinds) {
    const prompts = heldOutPrompts(kind, counts[kind], seed);
    const before = answers.length;
    const onPicture = (done: number) => onProgress?.({ done: before + done, total, kind });
    const readings = await readGenerated({ generate, classifier, signal }, prompts, onPicture);
    for (const [i, { prompt, seed, scene }] of prompts.entries()) {
      answers.push({ prompt, seed, expected: readingOf(scene), got: readings[i]! });
    }
  }
  return { seed, ...suiteScores(answers), answers };
}

const place = { package: 'evaluation', in: 'evaluateSuite' };

/** What the classifier sees in the picture of each prompt. */
async function readGenerated(
  { generate, classifier, signal }: Pick<SuiteOptions, 'generate' | 'classifier' | 'signal'>,
  prompts: readonly ScenePrompt[],
  onPicture: (done: number) => void,
): Promise<SceneReading[]> {
  if (prompts.length === 0) return [];
  signal?.throwIfAborted();
  const readings: SceneReading[] = [];
  let batch: Float32Array[] = [];
  let done = 0;
  for await (const picture of generate(prompts.map(({ prompt, seed }) => ({ prompt, seed })))) {
    signal?.throwIfAborted();
    if (++done > prompts.length) break;
    batch.push(toPicture(picture, classifier.config.imageSize));
    onPicture(done);
    if (batch.length === BATCH || done === prompts.length) {
      readings.push(...(await readPictures(classifier, batch)));
      batch = [];
    }
  }
  if (done === prompts.length) return readings;
  const got = done > prompts.length ? 'more' : done;
  throw new MuseError(place, `expected generate to give ${prompts.length} pictures, got ${got}`);
}
