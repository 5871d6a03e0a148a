import { ConfigError } from '@muse/backend';
import { defaultRemaskRatio, defaultRemaskSettings } from '@muse/sampler';
import { checkImage, type RgbaImage } from '../image.js';
import type { PipelineOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';
import type { EditedImage } from './editedImage.js';
import { reimagine } from './reimagine.js';

/**
 * `numSteps` counts iterations at full strength, 100 unless told otherwise; guidance is constant at t = 4 and top-k 3, as
 * in the paper. Mask schedule, order and choice temperature are of no effect on the base stage.
 */
export interface EditOptions extends PipelineOptions {
  /** Of any size. */
  readonly image: RgbaImage;
  /** Share of the iterations that are run, in (0, 1]; at least one is. Default 1. */
  readonly strength?: number;
  /** Share of the tokens that an iteration samples anew, in (0, 1]. Default 0.08. */
  readonly remaskRatio?: number;
  /** Whether the pixels of tokens that come out as they were are the input's. Default false: they are the tokenizer's. */
  readonly preserveOutside?: boolean;
}

const place = { package: 'muse', in: 'edit' };

/**
 * Mask-free editing (Chang et al. 2023, Muse, section 3.3): the image's tokens drift to the prompt, and away from the
 * negative prompt (the old one, say). With a second stage, the fine tokens over those that changed are sampled anew.
 */
export async function edit(context: PipelineContext, options: EditOptions): Promise<EditedImage> {
  const { image, strength = 1, remaskRatio = defaultRemaskRatio, preserveOutside = false } = options;
  const { guidanceScale: t } = defaultRemaskSettings;
  // diffusers' scale is t + 1.
  const guidanceScale = context.parts.index.format === 'diffusers' ? t + 1 : t;
  const sampling = { ...defaultRemaskSettings, guidanceScale };
  const resolved = checkPipelineOptions(context, options, { place, sampling });
  for (const [name, value] of Object.entries({ strength, remaskRatio })) {
    if (!(value > 0 && value <= 1)) throw new ConfigError(place, `expected ${name} to be in (0, 1], got ${value}`);
  }
  checkImage(place, 'image', image);
  const numSteps = Math.max(1, Math.round(strength * resolved.settings.numSteps));
  return withCascade(context, resolved, options, (cascade) =>
    reimagine(cascade, {
      picture: image,
      image: 0,
      resolved,
      own: { strength, remaskRatio, preserveOutside },
      preserveOutside,
      base: { remask: { numSteps, remaskRatio }, tokenMask: ([h, w]) => new Uint8Array(h * w).fill(1) },
    }),
  );
}
