import { join } from 'node:path';
import type { Backend, DeviceName } from '@muse/backend';
import type { Atlas } from '@muse/emoji-scenes';
import type { RunSettings, TrainingProgress, TrainingResult } from '@muse/trainer';
import type { ImageFolderDataset } from '@muse/trainer/node';
import { UsageError } from '../errors.js';
import { duration } from '../terminal/duration.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import type { optimizers, trainingPresets, trainings } from '../values.js';
import { loadPerceptual, openImages, tokenizerImageSize } from './trainData.js';

/** Options of `muse train`, parsed. */
export interface TrainFlags {
  readonly run?: string;
  /** Folder of images; emoji scenes if left out. */
  readonly data?: string;
  readonly tokenizer?: string;
  /** Model folder of the first stage. */
  readonly base?: string;
  /** In pixels. */
  readonly imageSize?: number;
  /** Folder of a classifier; false for no perceptual term. */
  readonly perceptual?: string | boolean;
  readonly preset: (typeof trainingPresets)[number];
  readonly device?: DeviceName | 'auto';
  readonly overfitOneBatch?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly steps?: number;
  readonly seed?: number;
  readonly batchSize?: number;
  readonly accumulation?: number;
  readonly optimizer?: (typeof optimizers)[number];
  readonly learningRate?: number;
  readonly finalLearningRate?: number;
  readonly warmup?: number;
  readonly weightDecay?: number;
  readonly gradientNorm?: number;
  readonly emaDecay?: number;
  readonly checkpointEvery?: number;
  readonly previewEvery?: number;
  readonly poolSize?: number;
  readonly discriminatorStart?: number;
}

/** Time between two lines of progress in a log: runs take hours. */
const LINE_GAP_MS = 10_000;

/** `muse train`: trains a part of a model in a run folder, or goes on with it. */
export async function train(
  part: (typeof trainings)[number],
  flags: TrainFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const runDir = flags.run ?? `runs/${part}`;
  const progress = new ProgressLine(io, flags.quiet, LINE_GAP_MS);
  progress.update('Starting …');
  const { createBackend } = await import('@muse/backend');
  const backend = await createBackend({ device: flags.device ?? 'auto' });
  progress.line(`Device ${backend.name} (${backend.reason})`);
  try {
    const result = await runPart(part, { runDir, backend, flags, progress, signal, io });
    progress.clear();
    if (result.status === 'aborted') {
      progress.line(`Stopped at step ${result.step}; the same command goes on from there`);
      return;
    }
    const model = join(runDir, 'model');
    const { step, metrics } = result;
    if (flags.json) io.out(`${JSON.stringify({ status: 'done', run: runDir, model, step, metrics }, null, 2)}\n`);
    else io.out(`${model}  ${step} steps, loss ${metrics.loss?.toPrecision(4) ?? 'unknown'}\n`);
  } finally {
    progress.clear();
    await backend.dispose();
  }
}

interface PartContext {
  readonly runDir: string;
  readonly backend: Backend;
  readonly flags: TrainFlags;
  readonly progress: ProgressLine;
  readonly signal: AbortSignal;
  readonly io: Io;
}

async function runPart(part: (typeof trainings)[number], context: PartContext): Promise<TrainingResult> {
  switch (part) {
    case 'tokenizer':
      return runTokenizer(context);
    case 'base':
      return runBase(context);
    case 'super-res':
      return runSuperRes(context);
    case 'classifier':
      return runClassifier(context);
    default:
      return part satisfies never;
  }
}

/** What every part is told. */
function shared({ runDir, backend, flags, progress, signal, io }: PartContext) {
  return {
    runDir,
    backend,
    overfitOneBatch: flags.overfitOneBatch,
    signal,
    onProgress: (state: TrainingProgress) => progress.update(describe(state)),
    onWarning: (message: string) => {
      progress.clear();
      io.err(`muse: ${message}\n`);
    },
  };
}

async function runTokenizer(context: PartContext): Promise<TrainingResult> {
  const { backend, flags, progress, io } = context;
  const { trainTokenizer } = await import('@muse/trainer/node');
  const { trainerPresets } = await import('@muse/trainer');
  const { resolveVQGANConfig } = await import('@muse/vqgan');
  const preset = resolveVQGANConfig(flags.preset);
  const { imageSize = preset.imageSize } = flags;
  const images = await imagesOrAtlas(flags, imageSize, false, progress);
  const { loss } = trainerPresets.emoji.tokenizer;
  const { discriminatorStart = loss.discriminatorStartStep } = flags;
  const settings = { ...settingsOf(flags), loss: { ...loss, discriminatorStartStep: discriminatorStart } };
  const perceptual = await loadPerceptual(backend, flags.perceptual, io);
  try {
    const options = {
      ...shared(context),
      config: { ...preset, imageSize },
      settings,
      ...(perceptual && { perceptual }),
    };
    return await trainTokenizer({ ...options, ...images });
  } finally {
    perceptual?.dispose();
  }
}

async function runBase(context: PartContext): Promise<TrainingResult> {
  const { flags, progress } = context;
  const { trainBase } = await import('@muse/trainer/node');
  const tokenizerDir = flags.tokenizer ?? 'runs/tokenizer/model';
  const images = await imagesOrAtlas(flags, await tokenizerImageSize(tokenizerDir), true, progress);
  const options = {
    ...shared(context),
    ...onTokens(context),
    config: flags.preset,
    textConfig: flags.preset,
    tokenizerDir,
  };
  if (images.dataset) return trainBase({ ...options, dataset: images.dataset, words: images.dataset.words });
  return trainBase({ ...options, atlas: images.atlas });
}

async function runSuperRes(context: PartContext): Promise<TrainingResult> {
  const { flags, progress } = context;
  const { trainSuperRes } = await import('@muse/trainer/node');
  const { base: baseDir = 'runs/base/model', tokenizer: tokenizerDir = 'runs/fine-tokenizer/model' } = flags;
  const options = { ...shared(context), ...onTokens(context), config: flags.preset, baseDir, tokenizerDir };
  const { data } = flags;
  if (data === undefined) {
    const { loadAtlas } = await import('@muse/emoji-scenes/node');
    return trainSuperRes({ ...options, atlas: await loadAtlas() });
  }
  const open = async (modelDir: string) => openImages(data, await tokenizerImageSize(modelDir), true, progress);
  return trainSuperRes({ ...options, images: { fine: await open(tokenizerDir), coarse: await open(baseDir) } });
}

/** What the trainings on tokens are told: how many images, and what to say while they are encoded. */
function onTokens({ flags, progress }: PartContext) {
  const { poolSize } = flags;
  let startMs = performance.now();
  return {
    settings: { ...settingsOf(flags), ...(poolSize !== undefined && { poolSize }) },
    onEncoding: (done: number, total: number) => {
      const left = ((performance.now() - startMs) / done) * (total - done);
      progress.update(`Encoding images: ${done} of ${total}, ${duration(left)} left`);
      if (done === total) startMs = performance.now(); // another set may follow
    },
  };
}

async function runClassifier(context: PartContext): Promise<TrainingResult> {
  const { flags } = context;
  if (flags.data !== undefined) throw new UsageError('--data: the classifier reads emoji scenes, no other images');
  const { trainClassifier } = await import('@muse/trainer/node');
  const { loadAtlas } = await import('@muse/emoji-scenes/node');
  return trainClassifier({ ...shared(context), settings: settingsOf(flags), atlas: await loadAtlas() });
}

type Images =
  | { readonly dataset: ImageFolderDataset; readonly atlas?: undefined }
  | { readonly atlas: Atlas; readonly dataset?: undefined };

async function imagesOrAtlas(
  flags: TrainFlags,
  imageSize: number,
  needsCaptions: boolean,
  progress: ProgressLine,
): Promise<Images> {
  if (flags.data !== undefined) {
    return { dataset: await openImages(flags.data, imageSize, needsCaptions, progress) };
  }
  const { loadAtlas } = await import('@muse/emoji-scenes/node');
  return { atlas: await loadAtlas() };
}

function settingsOf(flags: TrainFlags): Partial<RunSettings> {
  const all: Partial<RunSettings> = {
    numSteps: flags.steps,
    seed: flags.seed,
    batchSize: flags.batchSize,
    accumulationSteps: flags.accumulation,
    optimizer: flags.optimizer,
    learningRate: flags.learningRate,
    finalLearningRate: flags.finalLearningRate,
    warmupSteps: flags.warmup,
    weightDecay: flags.weightDecay,
    maxGradientNorm: flags.gradientNorm,
    emaDecay: flags.emaDecay,
    checkpointEvery: flags.checkpointEvery,
    previewEvery: flags.previewEvery,
  };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

/** What, how far, how well, how fast, how long still. */
function describe(state: TrainingProgress): string {
  const { step, numSteps, loss, accuracy, imagesPerSecond, secondsLeft } = state;
  const parts = [
    `Step ${step} of ${numSteps}`,
    `loss ${loss.toPrecision(4)}`,
    ...(accuracy === undefined ? [] : [`accuracy on masked tokens ${(100 * accuracy).toFixed(1)}%`]),
    `${imagesPerSecond.toPrecision(3)} images/s`,
    `${duration(1000 * secondsLeft)} left`,
  ];
  return parts.join(', ');
}
