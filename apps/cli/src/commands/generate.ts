import { basename } from 'node:path';
import type { Muse } from '@muse/muse';
import { slug } from '../output/slug.js';
import type { Io } from '../terminal/io.js';
import { type GenerateFlags, type GenerateJob, resolveJob } from './generateJob.js';
import { stagesOf } from './imageFlags.js';
import { makeImages } from './makeImages.js';

/** `muse generate`: prompts to PNG files. */
export async function generate(
  prompt: string | undefined,
  flags: GenerateFlags,
  io: Io,
  signal: AbortSignal,
): Promise<void> {
  const job = await resolveJob(prompt, flags);
  const { requests, prompts } = job;
  await makeImages(
    {
      model: job.model,
      device: job.device,
      dtype: job.dtype,
      revision: job.revision,
      variant: job.variant,
      numImages: requests.reduce((sum, { count = 1 }) => sum + count, 0),
      nameOf: ({ settings, seed }) => `${slug(settings.prompt)}-${seed}`,
      ...(prompts !== undefined && {
        sheetNameOf: ({ seed }) => `${slug(basename(prompts).replace(/\.[^.]*$/, ''))}-${seed}`,
      }),
      stages: (muse) => stagesOf(muse, requests[0]!.superRes),
      check: (muse) => {
        warnOfOtherModel(job, muse, io);
        for (const request of requests) muse.checkOptions(request);
      },
      make: async (muse, hooks) => {
        // One prompt is read together with its negative one as it is.
        if (requests.length > 1) {
          const texts = requests.flatMap(({ prompt, negativePrompt }) => [prompt, negativePrompt ?? []].flat());
          await muse.encodeAhead(texts, { signal });
        }
        for (const request of requests) await muse.generate({ ...request, ...hooks });
      },
    },
    flags,
    io,
    signal,
  );
}

function warnOfOtherModel({ modelName }: GenerateJob, { index }: Muse, io: Io): void {
  if (modelName !== undefined && modelName !== index.name) {
    io.err(`muse: the image of --from was made by model ${modelName}, this is ${index.name}: it will differ\n`);
  }
}
