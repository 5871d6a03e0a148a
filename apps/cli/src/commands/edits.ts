import { basename } from 'node:path';
import type { GeneratedImage, MaskImage, Muse, PipelineOptions, RgbaImage } from '@muse/muse';
import { UsageError } from '../errors.js';
import { checkSize, readImage } from '../input/readImage.js';
import { stemOf } from '../output/files.js';
import type { EditRecord } from '../output/record.js';
import type { Io } from '../terminal/io.js';
import { defaultModel } from '../values.js';
import { checkPrompt } from './generateJob.js';
import { type ImageJob, type OutputFlags, randomSeed, type SamplingFlags, settingsOf, stagesOf } from './imageFlags.js';
import { makeImages } from './makeImages.js';

/** Options of every command that makes images from an image, parsed. */
export interface EditFlags extends OutputFlags, SamplingFlags {
  readonly seed?: number;
  readonly count?: number;
}

export interface InpaintFlags extends EditFlags {
  readonly mask?: string;
  readonly box?: [x: number, y: number, width: number, height: number];
  readonly preserveOutside?: boolean;
}

export interface OutpaintFlags extends EditFlags {
  readonly left?: number;
  readonly right?: number;
  readonly top?: number;
  readonly bottom?: number;
}

export interface MaskFreeFlags extends EditFlags {
  readonly iterations?: number;
  readonly strength?: number;
  readonly remaskRatio?: number;
  readonly preserveOutside?: boolean;
}

export interface VariationsFlags extends EditFlags {
  readonly strength: number;
  readonly preserveOutside?: boolean;
}

/** What a command is given beside its image and options. */
export interface EditContext {
  readonly io: Io;
  readonly signal: AbortSignal;
}

/** An edit, ready to be run once per seed. */
interface Edit {
  /** Path of the image, as it was given. */
  readonly path: string;
  readonly record: Omit<EditRecord, 'input'>;
  readonly stages?: ImageJob['stages'];
  call(muse: Muse, options: Pick<PipelineOptions, 'seed' | 'signal' | 'onStep'>): Promise<GeneratedImage>;
}

/** `muse inpaint`: what a mask or a box covers is painted anew. */
export async function inpaint(path: string, prompt: string, flags: InpaintFlags, context: EditContext): Promise<void> {
  const { mask: maskPath, box, preserveOutside } = flags;
  checkPrompt(prompt, 'muse inpaint photo.jpg "a red hat" --box 20,4,24,16');
  if ((maskPath === undefined) === (box === undefined)) {
    const got = box ? 'both' : 'neither';
    throw new UsageError(
      `say what to repaint by --mask mask.png or by --box x,y,w,h: one of them is needed, got ${got}`,
    );
  }
  const image = await readImage('image', path);
  const mask = await readMask(image, maskPath, box);
  const settings = { ...settingsOf(flags), prompt };
  const record: Edit['record'] = {
    verb: 'inpaint',
    ...(maskPath !== undefined && { mask: basename(maskPath) }),
    ...(box && { box }),
  };
  const call: Edit['call'] = (muse, options) => muse.inpaint({ ...settings, ...options, image, mask, preserveOutside });
  await run({ path, record, call }, flags, context);
}

async function readMask(image: RgbaImage, path: string | undefined, box: InpaintFlags['box']): Promise<MaskImage> {
  const { maskFromBox, maskFromRgba } = await import('@muse/muse');
  if (path !== undefined) return maskFromRgba(await readImage('--mask', path));
  const [x, y, width, height] = box!;
  return maskFromBox({ x, y, width, height }, image);
}

/** `muse outpaint`: an image grows. */
export async function outpaint(
  path: string,
  prompt: string,
  flags: OutpaintFlags,
  context: EditContext,
): Promise<void> {
  checkPrompt(prompt, 'muse outpaint photo.jpg "a green field" --left 64');
  const { left = 0, right = 0, top = 0, bottom = 0 } = flags;
  if (left + right + top + bottom === 0) {
    throw new UsageError('say by how many pixels to grow: --left, --right, --top or --bottom');
  }
  const image = await readImage('image', path);
  checkSize('the grown image', left + image.width + right, top + image.height + bottom);
  const settings = { ...settingsOf(flags), prompt, left, right, top, bottom };
  const call: Edit['call'] = (muse, options) => muse.outpaint({ ...settings, ...options, image });
  await run({ path, record: { verb: 'outpaint' }, call }, flags, context);
}

/** `muse edit`: mask-free, the whole image drifts to the prompt. */
export async function edit(path: string, prompt: string, flags: MaskFreeFlags, context: EditContext): Promise<void> {
  checkPrompt(prompt, 'muse edit cat.png "a dog, 3D style" --negative "a cat, 3D style"');
  const { iterations, steps = iterations, strength, remaskRatio, preserveOutside } = flags;
  if (iterations !== undefined && iterations !== steps) {
    throw new UsageError(`--steps is another name of --iterations: give one, got ${steps} and ${iterations}`);
  }
  const image = await readImage('image', path);
  const settings = { ...settingsOf({ ...flags, steps }), prompt, strength, remaskRatio, preserveOutside };
  const call: Edit['call'] = (muse, options) => muse.edit({ ...settings, ...options, image });
  await run({ path, record: { verb: 'edit' }, call }, flags, context);
}

/** `muse variations`: images like an image, with or without a prompt. */
export async function variations(
  path: string,
  prompt: string | undefined,
  flags: VariationsFlags,
  context: EditContext,
): Promise<void> {
  if (prompt !== undefined) checkPrompt(prompt, 'muse variations cat.png "a cat, 3D style"');
  const { strength, preserveOutside } = flags;
  const image = await readImage('image', path);
  const settings = { ...settingsOf(flags), prompt, strength, preserveOutside };
  const call: Edit['call'] = async (muse, options) => (await muse.variations({ ...settings, ...options, image }))[0]!;
  await run({ path, record: { verb: 'variations' }, call }, flags, context);
}

/** `muse upscale`: the second stage of a model alone. */
export async function upscale(path: string, prompt: string, flags: EditFlags, context: EditContext): Promise<void> {
  checkPrompt(prompt, 'muse upscale cat.png "a cat, 3D style"');
  const image = await readImage('image', path);
  const settings = { ...settingsOf(flags), prompt };
  const call: Edit['call'] = (muse, options) => muse.upscale({ ...settings, ...options, image });
  await run({ path, record: { verb: 'upscale' }, stages: () => ['super-res'], call }, flags, context);
}

async function run({ path, record, stages, call }: Edit, flags: EditFlags, { io, signal }: EditContext): Promise<void> {
  const { seed = randomSeed(), count = 1, model = defaultModel, device, dtype, superRes } = flags;
  if (!Number.isSafeInteger(seed + (count - 1)))
    throw new UsageError(`--seed: there are no ${count} seeds from ${seed}`);
  const job: ImageJob = {
    model,
    device,
    dtype,
    numImages: count,
    record: { edit: { ...record, input: basename(path) } },
    nameOf: (image) => `${stemOf(path)}-${record.verb}-${image.seed}`,
    stages: stages ?? ((muse) => stagesOf(muse, superRes)),
    make: async (muse, { onStep, onImage }) => {
      for (let i = 0; i < count; i++) await onImage(await call(muse, { seed: seed + i, signal, onStep }));
    },
  };
  await makeImages(job, flags, io, signal);
}
