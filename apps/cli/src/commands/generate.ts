import { basename } from 'node:path';
import type { GeneratedImage, Muse } from '@muse/muse';
import { type Destination, resolveDestination, type WrittenFile, writeTo } from '../output/files.js';
import { makeSheet } from '../output/sheet.js';
import { slug } from '../output/slug.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { type Destinations, deliver, follow, type ImageReport, newTrace, shortPath } from './deliverImage.js';
import { type GenerateFlags, type GenerateJob, resolveJob } from './generateJob.js';
import { GenerateProgress } from './generateProgress.js';
import { loadModel } from './loadModel.js';

/** `muse generate`: prompts to PNG files. */
export async function generate(
  prompt: string | undefined,
  flags: GenerateFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const startMs = performance.now();
  const job = await resolveJob(prompt, flags);
  const numImages = job.requests.reduce((sum, { count = 1 }) => sum + count, 0);
  const { force } = flags;
  const destinations: Destinations = {
    images: await resolveDestination({
      option: '--output',
      value: flags.output,
      extension: '.png',
      numFiles: numImages,
      force,
    }),
    tokens: await resolveTokensDestination(flags),
  };
  const progress = new ProgressLine(io, flags.quiet);
  const muse = await loadModel({ ...job, signal, progress });
  try {
    warnOfOtherModel(job, muse, io);
    for (const request of job.requests) muse.checkOptions(request);
    const reports: ImageReport[] = [];
    const sheet: GeneratedImage[] = [];
    const steps = new GenerateProgress(progress, numImages);
    for (const request of job.requests) {
      let trace = newTrace();
      await muse.generate({
        ...request,
        signal,
        onStep: (step) => {
          steps.step(step);
          return follow(step, trace, flags);
        },
        onImage: async (image) => {
          steps.imageDone();
          if (flags.grid) sheet.push(image);
          reports.push(await deliver(image, trace, { muse, job, flags, destinations, io, progress }));
          trace = newTrace();
        },
      });
    }
    const grid = flags.grid ? await writeGrid(sheet, flags, destinations) : undefined;
    progress.clear();
    if (grid && !flags.json) io.out(`${shortPath(grid.path)}  grid of ${sheet.length}\n`);
    if (flags.json) {
      const elapsedMs = Math.round(performance.now() - startMs);
      const { name: device } = muse.backend;
      const report = { model: job.model, device, images: reports, ...(grid && { grid: grid.path }), elapsedMs };
      io.out(`${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    progress.clear();
    await muse.dispose();
  }
}

async function resolveTokensDestination(flags: GenerateFlags): Promise<Destination | undefined> {
  const { tokens, force } = flags;
  if (tokens === undefined) return undefined;
  const options = { option: '--tokens', value: tokens, extension: '.json', force };
  // One file per image: `ids.json` of several images becomes `ids-<image>.json`, so one name is enough.
  return resolveDestination({ ...options, numFiles: 1 });
}

function warnOfOtherModel({ modelName }: GenerateJob, { index }: Muse, io: Io): void {
  if (modelName !== undefined && modelName !== index.name) {
    io.err(`muse: the image of --from was made by model ${modelName}, this is ${index.name}: it will differ\n`);
  }
}

async function writeGrid(
  images: readonly GeneratedImage[],
  flags: GenerateFlags,
  { images: { folder, file } }: Destinations,
): Promise<WrittenFile> {
  const { encodePng } = await import('@muse/muse');
  const first = images[0]!;
  const prompts = [...new Set(images.map(({ settings }) => settings.prompt))];
  const single = file === undefined ? `${slug(first.settings.prompt)}-${first.seed}` : basename(file).slice(0, -4);
  const name =
    flags.prompts === undefined ? single : `${slug(basename(flags.prompts).replace(/\.[^.]*$/, ''))}-${first.seed}`;
  const bytes = encodePng(makeSheet(images), { Description: prompts.join('\n'), Software: 'muse' });
  return writeTo({ folder }, `${name}-grid.png`, bytes, flags.force);
}
