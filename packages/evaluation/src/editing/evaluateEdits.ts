import { ConfigError, ImageError } from '@muse/backend';
import type { Atlas } from '@muse/emoji-scenes';
import { readingOf } from '../classifier/reading.js';
import { readPictures } from '../classifier/readPictures.js';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';
import { type RgbaPicture, toPicture } from '../suite/toPicture.js';
import { type EditRequest, type EditTask, editRequests, editTasks } from './editRequests.js';
import { type EditAnswer, type EditScores, editScores } from './editScores.js';

export interface EvaluateEditsOptions {
  /** Makes the edited picture, of the size of `request.image`. */
  readonly edit: (request: EditRequest) => RgbaPicture | Promise<RgbaPicture>;
  readonly classifier: SceneClassifier;
  readonly atlas: Atlas;
  /** Side of the pictures, the classifier's size or a multiple. Default the classifier's. */
  readonly imageSize?: number;
  /** Held-out scenes of each task. Default 200. */
  readonly count?: number;
  /** Which scenes and targets, and the seeds of the pictures. Default 0. */
  readonly seed?: number;
  /** Default all. */
  readonly tasks?: readonly EditTask[];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: EditsProgress) => void;
}

export interface EditsProgress {
  /** Pictures that were made. */
  readonly done: number;
  readonly total: number;
  readonly task: EditTask;
}

export interface EditsReport {
  readonly seed: number;
  readonly count: number;
  readonly imageSize: number;
  readonly tasks: Readonly<Partial<Record<EditTask, EditScores>>>;
  readonly answers: readonly EditAnswer[];
}

/** Pictures that are read in one pass. */
const BATCH = 50;

/**
 * Has renders of held-out scenes edited, and lets the classifier say whether the results show what was asked for and still
 * show the rest; and compares the bytes outside of masks. Around the mask of an `inpaintObject` there is nothing but
 * background, so that the object which is seen lies in the mask.
 *
 * @throws ConfigError for a bad count, size or list of tasks; ImageError for a result of another size; the signal's reason
 */
export async function evaluateEdits(options: EvaluateEditsOptions): Promise<EditsReport> {
  const { edit, classifier, atlas, count = 200, seed = 0, tasks = editTasks, signal, onProgress } = options;
  const { imageSize = classifier.config.imageSize } = options;
  if (tasks.length === 0 || new Set(tasks).size < tasks.length) {
    throw new ConfigError(place, `expected different tasks, at least one, got ${JSON.stringify(tasks)}`);
  }
  // All of them first, as a count or a task that is wrong throws here.
  const requests = tasks.map((task) => editRequests({ atlas, task, count, seed, imageSize }));
  const answers: EditAnswer[] = [];
  let waiting: { request: EditRequest; result: RgbaPicture }[] = [];
  const read = async () => {
    const pictures = waiting.map(({ result }) => toPicture(result, classifier.config.imageSize));
    const readings = await readPictures(classifier, pictures);
    for (const [i, { request, result }] of waiting.entries()) {
      const { task, index, oldPrompt, prompt, scene, target } = request;
      const readingsOf = { before: readingOf(scene), expected: readingOf(target), got: readings[i]! };
      const outside = request.mask && { outside: compareOutside(request, result) };
      answers.push({ task, index, oldPrompt, prompt, seed: request.seed, ...readingsOf, ...outside });
    }
    waiting = [];
  };
  let done = 0;
  for (const requestsOfTask of requests) {
    for (const request of requestsOfTask) {
      signal?.throwIfAborted();
      const result = await edit(request);
      checkSize(request, result);
      waiting.push({ request, result });
      onProgress?.({ done: ++done, total: count * tasks.length, task: request.task });
      if (waiting.length === BATCH) await read();
    }
  }
  await read();
  return { seed, count, imageSize, tasks: editScores(answers), answers };
}

const place = { package: 'evaluation', in: 'evaluateEdits' };

function checkSize({ image }: EditRequest, { width, height, data }: RgbaPicture): void {
  if (width === image.width && height === image.height && data.length === image.data.length) return;
  const got = `${width} × ${height} with ${data.length} values`;
  throw new ImageError(place, `expected a picture of the image's size ${image.width} × ${image.height}, got ${got}`);
}

/** Pixels that are not masked, and how many of them differ. */
function compareOutside({ image, mask }: EditRequest, result: RgbaPicture) {
  let [pixels, changed] = [0, 0];
  for (let i = 0; i < mask!.data.length; i++) {
    if (mask!.data[i] !== 0) continue;
    pixels++;
    if ([0, 1, 2, 3].some((c) => image.data[4 * i + c] !== result.data[4 * i + c])) changed++;
  }
  return { pixels, changed };
}
