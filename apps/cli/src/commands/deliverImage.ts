import { basename, relative } from 'node:path';
import type {
  EditedWindow,
  GeneratedImage,
  GenerationStep,
  Muse,
  OutpaintedImage,
  RgbaImage,
  StageName,
  TokenGrid,
} from '@muse/muse';
import { type Destination, type WrittenFile, writeTo } from '../output/files.js';
import { encodeGif } from '../output/gif.js';
import { type ImageRecord, recordChunks } from '../output/record.js';
import { enlarge, makeSheet } from '../output/sheet.js';
import { encodeTokensFile, type ImageTokens, type TokenSteps } from '../output/tokensFile.js';
import { duration } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { pictureEscape, pictureProtocol } from '../terminal/picture.js';
import type { ProgressLine } from '../terminal/progressLine.js';
import type { ImageJob, OutputFlags } from './imageFlags.js';
import type { LoadedSource } from './loadModel.js';

/** How long a frame of `--steps-gif` is shown, unless there are so many that all last longer than `ALL_FRAMES_MS`. */
const FRAME_MS = 120;
const ALL_FRAMES_MS = 6000;
const LAST_FRAME_MS = 1500;
/** GIFs of smaller images are enlarged to at least this many pixels. */
const GIF_SIDE = 256;

/** One image as `--json` has it. */
export interface ImageReport {
  readonly path: string;
  readonly isUnchanged: boolean;
  readonly prompt: string;
  readonly seed: number;
  readonly width: number;
  readonly height: number;
  readonly elapsedMs: number;
  readonly settings: GeneratedImage['settings'];
  readonly edit?: ImageRecord['edit'];
  readonly tokens?: string;
  readonly stepsStrip?: string;
  readonly stepsGif?: string;
}

/** Where everything goes; checked before any work. */
export interface Destinations {
  readonly images: Destination;
  readonly tokens?: Destination;
}

/** What is kept of the steps of an image. */
export interface Trace {
  readonly startMs: number;
  /** Token ids after each step, of each stage of each window. */
  readonly steps: StageSteps[];
  readonly previews: RgbaImage[];
}

type StageSteps = { readonly [name in StageName]: number[][] };

export const newTrace = (): Trace => ({ startMs: performance.now(), steps: [], previews: [] });

/** Keeps of a step what the flags ask for. */
export async function follow(step: GenerationStep, trace: Trace, flags: OutputFlags): Promise<void> {
  if (flags.tokens !== undefined) {
    trace.steps[step.window] ??= { base: [], 'super-res': [] };
    trace.steps[step.window]![step.stage].push([...step.tokenIds]);
  }
  if (flags.stepsGif || flags.stepsStrip) trace.previews.push(await step.preview());
}

export interface DeliverContext {
  readonly muse: Muse;
  readonly source: LoadedSource;
  readonly job: ImageJob;
  readonly flags: OutputFlags;
  readonly destinations: Destinations;
  readonly io: Io;
  readonly progress: ProgressLine;
}

/** Writes an image and what belongs to it, and says so. */
export async function deliver(
  image: GeneratedImage,
  trace: Trace,
  { muse, source, job, flags, destinations, io, progress }: DeliverContext,
): Promise<ImageReport> {
  const elapsedMs = performance.now() - trace.startMs;
  const { encodePng, resize } = await import('@muse/muse');
  const { force } = flags;
  const record: ImageRecord = {
    formatVersion: 1,
    model: job.model,
    ...source,
    modelName: muse.index.name,
    device: muse.backend.name,
    ...(muse.dtype !== 'f32' && { dtype: muse.dtype }),
    seed: image.seed,
    settings: image.settings,
    ...job.record,
  };
  const png = encodePng(image, recordChunks(record));
  const file = await writeTo(destinations.images, `${job.nameOf(image)}.png`, png, force);
  const stem = file.path.replace(/\.png$/i, '');
  const beside = async (suffix: string, bytes: Uint8Array) =>
    (await writeTo({ folder: destinations.images.folder }, `${basename(stem)}${suffix}`, bytes, force)).path;
  // The stages of a model differ in size.
  const side = Math.max(...trace.previews.map(({ width }) => width));
  const previews = trace.previews.map((preview) => resize(preview, side, side));
  const report: ImageReport = {
    path: file.path,
    isUnchanged: file.isUnchanged,
    prompt: image.settings.prompt,
    seed: image.seed,
    width: image.width,
    height: image.height,
    elapsedMs: Math.round(elapsedMs),
    settings: image.settings,
    ...job.record,
    ...(destinations.tokens && {
      tokens: await writeTokens(image, trace, basename(stem), destinations.tokens, job, force),
    }),
    // `variations` at strength 0 has no steps to show.
    ...(previews.length > 0 && {
      ...(flags.stepsStrip && {
        stepsStrip: await beside('-steps.png', encodePng(makeSheet(previews, previews.length))),
      }),
      ...(flags.stepsGif && { stepsGif: await beside('-steps.gif', gifOf(previews)) }),
    }),
  };
  progress.clear();
  if (!flags.json) announce(report, file, png, muse.backend.name, flags, io);
  return report;
}

function announce(
  report: ImageReport,
  file: WrittenFile,
  png: Uint8Array,
  device: string,
  flags: OutputFlags,
  io: Io,
): void {
  const unchanged = file.isUnchanged ? '  (there already, the same bytes)' : '';
  const time = duration(report.elapsedMs);
  io.out(`${shortPath(file.path)}  seed ${report.seed}  ${device}  ${time}${unchanged}\n`);
  for (const path of [report.tokens, report.stepsStrip, report.stepsGif]) {
    if (path !== undefined) io.out(`${shortPath(path)}\n`);
  }
  const protocol = flags.picture ? pictureProtocol(io) : undefined;
  if (protocol) io.out(pictureEscape(png, protocol));
}

/** An image, of an edit or not. */
type MadeImage = GeneratedImage & Partial<Pick<OutpaintedImage, 'region' | 'windows'>>;

function tokensOf(image: TokenGrid & Partial<EditedWindow>, steps?: StageSteps): ImageTokens {
  const { base, region } = image;
  return {
    ...(region && { region: [region.x, region.y, region.width, region.height] }),
    ...stepsOf(base ?? image, steps?.base),
    ...(base && { superRes: stepsOf(image, steps?.['super-res']) }),
  };
}

/** A stage without steps kept all of its tokens: `variations` at strength 0, the base of `upscale`. */
function stepsOf({ grid, tokenIds }: TokenGrid, steps: number[][] = []): TokenSteps {
  return { grid, steps: steps.length > 0 ? steps : [[...tokenIds]] };
}

async function writeTokens(
  image: MadeImage,
  trace: Trace,
  imageName: string,
  destination: Destination,
  job: ImageJob,
  force?: boolean,
): Promise<string> {
  const { windows } = image;
  const bytes = encodeTokensFile(
    windows
      ? { windows: windows.map((window, i) => tokensOf(window, trace.steps[i])) }
      : tokensOf(image, trace.steps[0]),
  );
  const { folder, file } = destination;
  const isOnly = job.numImages === 1;
  if (file === undefined) return (await writeTo({ folder }, `${imageName}.json`, bytes, force)).path;
  if (isOnly) return (await writeTo(destination, '', bytes, force)).path;
  const stem = basename(file).replace(/\.json$/i, '');
  return (await writeTo({ folder }, `${stem}-${imageName}.json`, bytes, force)).path;
}

function gifOf(previews: readonly RgbaImage[]): Uint8Array {
  const { width, height } = previews[0]!;
  const factor = Math.max(1, Math.ceil(GIF_SIDE / Math.max(width, height)));
  const frameMs = Math.min(FRAME_MS, ALL_FRAMES_MS / previews.length);
  const frames = previews.map((preview, i) => ({
    image: enlarge(preview, factor),
    delayMs: i === previews.length - 1 ? LAST_FRAME_MS : frameMs,
  }));
  return encodeGif(frames);
}

/** A path as short as it goes from the current folder. */
export function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.startsWith('..') ? path : fromHere;
}
