import { ConfigError } from '@muse/backend';
import { numMaskedAfter, randomMask, type SamplingSettings } from '@muse/sampler';
import { checkImage, type RgbaImage } from '../image.js';
import type { PipelineOptions } from '../options.js';
import { withCascade } from './cascade.js';
import { checkPipelineOptions, type PipelineContext } from './context.js';
import type { EditedImage } from './editedImage.js';
import { reimagine } from './reimagine.js';

export interface VariationsOptions extends Partial<PipelineOptions> {
  /** Of any size. */
  readonly image: RgbaImage;
  /**
   * Share of the tokens that are sampled anew, in [0, 1]: 0 gives the tokenizer's reconstruction, 1 a fresh image. The
   * tokens of a smaller share are among those of a larger one of the same seed. Of a diffusers folder it is diffusers'
   * strength: the share of the steps that are run, ⌊N·strength⌋ of them, from as many tokens as are masked by then.
   */
  readonly strength: number;
  /** Default 1. */
  readonly count?: number;
  /** Whether the pixels of tokens that are kept are the input's. Default false: they are the tokenizer's. */
  readonly preserveOutside?: boolean;
  /** Called with each image as it is made; the next one waits for it. What it throws ends the call. */
  readonly onImage?: (image: EditedImage) => void | Promise<void>;
}

const place = { package: 'muse', in: 'variations' };

/** Images like an image: a random share of its tokens is sampled anew. The prompt may be left out; then nothing guides. */
export async function variations(context: PipelineContext, options: VariationsOptions): Promise<EditedImage[]> {
  const { image: picture, strength, count, preserveOutside = false } = options;
  const resolved = checkPipelineOptions(context, options, { place, count, isPromptOptional: true });
  if (!(strength >= 0 && strength <= 1)) {
    throw new ConfigError(place, `expected strength to be in [0, 1], got ${strength}`);
  }
  checkImage(place, 'image', picture);
  const start: Start =
    context.parts.index.format === 'diffusers'
      ? diffusersStart(strength, resolved.settings)
      : { share: () => strength };
  return withCascade(context, resolved, options, async (cascade) => {
    const images: EditedImage[] = [];
    for (const [image, seed] of resolved.seeds.entries()) {
      const tokenMask = ([h, w]: readonly [number, number]) =>
        randomMask({ seed, share: start.share(h * w), eligible: new Uint8Array(h * w).fill(1) });
      const own = { strength, preserveOutside };
      const base = { tokenMask, startStep: start.step };
      const made = await reimagine(cascade, { picture, image, resolved, own, preserveOutside, base });
      images.push(made);
      await options.onImage?.(made);
      options.signal?.throwIfAborted();
    }
    return images;
  });
}

/** Where decoding begins: as masked as the schedule is after the steps that are left out. */
interface Start {
  readonly step?: number;
  /** Share of the tokens that are masked. @param seqLen tokens in all */
  share(seqLen: number): number;
}

/** diffusers' image-to-image. Deviations: strength 1 masks all, and exactly ⌊S·γ⌋ tokens are masked, not that many on average. */
function diffusersStart(strength: number, { numSteps, maskSchedule }: SamplingSettings): Start {
  // 100 · 0.29 is 28.999…
  const numRun = Math.floor(numSteps * strength + 1e-9);
  if (numRun === 0) return { share: () => 0 };
  const step = numSteps - numRun;
  if (step === 0) return { share: () => 1 };
  return { step, share: (seqLen) => numMaskedAfter(maskSchedule, seqLen, step, numSteps) / seqLen };
}
