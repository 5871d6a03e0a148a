import { ConfigError, randomUint32 } from '@muse/backend';
import {
  type Atlas,
  backgrounds,
  caption,
  heldOutPrompts,
  names,
  SCENE_SIZE,
  type Scene,
  type SceneItem,
  styles,
} from '@muse/emoji-scenes';
import { type OpaquePicture, renderRgba } from '../pictures/renderRgba.js';

/**
 * - `inpaintObject`: the box of the one sprite, with another name in the caption
 * - `inpaintOneOfPair`: the box of one of two
 * - `editObject`, `editStyle`, `editBackground`: no mask, another name, style or background in the caption
 */
export const editTasks = ['inpaintObject', 'inpaintOneOfPair', 'editObject', 'editStyle', 'editBackground'] as const;
export type EditTask = (typeof editTasks)[number];

/** A picture to edit. */
export interface EditRequest {
  readonly task: EditTask;
  /** Of the task's requests, from 0. */
  readonly index: number;
  readonly image: OpaquePicture;
  /** Of `inpaint…`: u8 [H·W], 1 is to be repainted. */
  readonly mask?: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  /** What the picture should show in the end. */
  readonly prompt: string;
  /** What it shows. */
  readonly oldPrompt: string;
  readonly seed: number;
  readonly scene: Scene;
  /** The scene that is asked for. */
  readonly target: Scene;
}

export interface EditRequestOptions {
  readonly atlas: Atlas;
  readonly task: EditTask;
  readonly count: number;
  readonly seed: number;
  /** Side of the pictures, a multiple of 8. */
  readonly imageSize: number;
}

const TARGET_STAGE = 0xed17;
/** Of 20 single scenes some 2 are big. */
const SPARE = 20;

/**
 * Requests over held-out scenes: their names, styles and backgrounds, or the pair of names, were never shown together in
 * training. What is asked for is any other value with equal probability, so that the target may have been shown. A single
 * emoji never fills the picture, or an inpainting would leave nothing of it; all tasks on singles edit the same scenes.
 *
 * @returns lazily, as pictures are large
 * @throws ConfigError for a count that is no positive integer or more than there are scenes
 */
export function editRequests(options: EditRequestOptions): Iterable<EditRequest> {
  const { task, count, seed } = options;
  const place = { package: 'evaluation', in: 'editRequests' };
  if (!editTasks.includes(task)) throw new ConfigError(place, `expected task ${editTasks.join(', ')}, got ${task}`);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new ConfigError(place, `expected count to be a positive integer, got ${count}`);
  }
  const kind = task === 'inpaintOneOfPair' ? 'pair' : 'single';
  const scenes = heldOutPrompts(kind, Math.ceil(count * 1.25) + SPARE, seed)
    .map(({ scene }) => scene)
    .filter((scene) => scene.kind !== 'single' || scene.size !== 'big')
    .slice(0, count);
  return requestsOf(options, scenes);
}

function* requestsOf({ atlas, task, seed, imageSize }: EditRequestOptions, scenes: readonly Scene[]) {
  for (const [index, scene] of scenes.entries()) {
    const { target, slot } = targetOf(scene, task, seed, index);
    const mask = task.startsWith('inpaint') ? { mask: boxMask(scene.items[slot]!, imageSize) } : {};
    const image = renderRgba(atlas, scene, imageSize);
    const prompts = { prompt: caption(target), oldPrompt: caption(scene) };
    yield { task, index, image, ...mask, ...prompts, seed: seed + index, scene, target };
  }
}

/** The scene with one thing changed, and which of its sprites that is. */
function targetOf(scene: Scene, task: EditTask, seed: number, index: number) {
  const step = editTasks.indexOf(task);
  const [draw, place] = randomUint32({ seed, stage: TARGET_STAGE, step }, 2, 2 * index) as Iterable<number>;
  const other = <Value>(values: readonly Value[], ...taken: readonly Value[]) => {
    const left = values.filter((value) => !taken.includes(value));
    return left[Math.floor((draw! / 2 ** 32) * left.length)]!;
  };
  const shown = scene.items.map(({ name }) => name);
  switch (task) {
    case 'inpaintObject':
    case 'editObject':
      return { target: changed(scene, { name: other(names, ...shown) }), slot: 0 };
    case 'inpaintOneOfPair': {
      const slot = place! % 2;
      return { target: changed(scene, { name: other(names, ...shown) }, slot), slot };
    }
    case 'editStyle':
      return { target: changed(scene, { style: other(styles, scene.style) }), slot: 0 };
    case 'editBackground':
      return { target: { ...scene, background: other(backgrounds, scene.background) }, slot: 0 };
    default:
      throw task satisfies never;
  }
}

/** The scene with another name for one of its sprites, or another style for all. */
function changed(scene: Scene, change: Partial<Pick<SceneItem, 'name' | 'style'>>, slot = 0): Scene {
  const { name, style = scene.style } = change;
  const items = scene.items.map((item, i) => ({ ...item, style, ...(name && i === slot && { name }) }));
  return { ...scene, style, items };
}

/** The box of a sprite in a picture. */
function boxMask({ x, y, size }: SceneItem, imageSize: number) {
  const scale = imageSize / SCENE_SIZE;
  const [left, top, side] = [x, y, size].map((length) => Math.round(length * scale)) as [number, number, number];
  const data = new Uint8Array(imageSize * imageSize);
  for (let row = top; row < top + side; row++) data.fill(1, row * imageSize + left, row * imageSize + left + side);
  return { width: imageSize, height: imageSize, data };
}
