import { basename } from 'node:path';
import type { GeneratedImage } from '@muse/muse';
import { resolveDestination, type WrittenFile, writeTo } from '../output/files.js';
import { makeSheet } from '../output/sheet.js';
import type { Io } from '../terminal/io.js';
import { ProgressLine } from '../terminal/progressLine.js';
import { type Destinations, deliver, follow, type ImageReport, newTrace, shortPath } from './deliverImage.js';
import { GenerateProgress } from './generateProgress.js';
import type { ImageJob, OutputFlags } from './imageFlags.js';
import { loadModelWithSource } from './loadModel.js';
import { sourceOptions } from './modelFlags.js';

/**
 * What every command that makes images does around it: first it makes sure that the files can be written, then it loads
 * the model, follows the steps, writes each image as it is made, and tells.
 */
export async function makeImages(job: ImageJob, flags: OutputFlags, io: Io, signal: AbortSignal): Promise<void> {
  const startMs = performance.now();
  const destinations = await resolveDestinations(job, flags);
  const progress = new ProgressLine(io, flags.quiet);
  const { textEncoder } = flags;
  const { muse, source } = await loadModelWithSource({
    ...sourceOptions(flags),
    ...job,
    textEncoder,
    signal,
    progress,
  });
  try {
    // It may warn.
    progress.clear();
    job.check?.(muse);
    const reports: ImageReport[] = [];
    const sheet: GeneratedImage[] = [];
    const steps = new GenerateProgress(progress, job.numImages, job.stages(muse));
    let trace = newTrace();
    await job.make(muse, {
      signal,
      onStep: (step) => {
        steps.step(step);
        return follow(step, trace, flags);
      },
      onImage: async (image) => {
        steps.imageDone();
        if (flags.grid) sheet.push(image);
        reports.push(await deliver(image, trace, { muse, source, job, flags, destinations, io, progress }));
        trace = newTrace();
      },
    });
    const grid = flags.grid ? await writeGrid(sheet, job, flags, destinations) : undefined;
    progress.clear();
    if (grid && !flags.json) io.out(`${shortPath(grid.path)}  grid of ${sheet.length}\n`);
    if (flags.json) {
      const elapsedMs = Math.round(performance.now() - startMs);
      const { name: device } = muse.backend;
      const made = { device, images: reports, ...(grid && { grid: grid.path }), elapsedMs };
      const report = { model: job.model, ...source, ...made };
      io.out(`${JSON.stringify(report, null, 2)}\n`);
    }
  } finally {
    progress.clear();
    await muse.dispose();
  }
}

async function resolveDestinations({ numImages }: ImageJob, flags: OutputFlags): Promise<Destinations> {
  const { output, tokens, force } = flags;
  const images = await resolveDestination({
    option: '--output',
    value: output,
    extension: '.png',
    numFiles: numImages,
    force,
  });
  if (tokens === undefined) return { images };
  // One file per image: `ids.json` of several images becomes `ids-<image>.json`, so one name is enough.
  const request = { option: '--tokens', value: tokens, extension: '.json', numFiles: 1, force };
  return { images, tokens: await resolveDestination(request) };
}

async function writeGrid(
  images: readonly GeneratedImage[],
  job: ImageJob,
  { force }: OutputFlags,
  { images: { folder, file } }: Destinations,
): Promise<WrittenFile> {
  const { encodePng } = await import('@muse/muse');
  const first = images[0]!;
  const single = file === undefined ? job.nameOf(first) : basename(file).slice(0, -4);
  const name = job.sheetNameOf?.(first) ?? single;
  const prompts = [...new Set(images.map(({ settings }) => settings.prompt))].filter((prompt) => prompt !== '');
  const text = { ...(prompts.length > 0 && { Description: prompts.join('\n') }), Software: 'muse' };
  return writeTo({ folder }, `${name}-grid.png`, encodePng(makeSheet(images), text), force);
}
