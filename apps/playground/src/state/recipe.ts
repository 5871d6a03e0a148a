import type { MaskImage, PipelineOptions, RgbaImage } from '@muse/muse';
import type { SamplingSettings } from '@muse/sampler';

/** What can be done. */
export const verbs = ['generate', 'inpaint', 'outpaint', 'edit', 'variations'] as const;
export type Verb = (typeof verbs)[number];

/** Pixels to grow by. */
export interface Margins {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/**
 * All that makes an image beside the model: what the visitor asks for. Sampling settings that are left out are the
 * model's, so a recipe says only what was changed.
 */
export interface Recipe {
  readonly verb: Verb;
  readonly prompt: string;
  readonly negativePrompt: string;
  readonly seed: number;
  /** 1 … 8; of `generate` and `variations`. */
  readonly count: number;
  readonly sampling: Partial<SamplingSettings>;
  /** Of models that have a second stage. */
  readonly superRes: boolean;
  /** Of `edit` and `variations`. */
  readonly strength: number;
  /** Of `edit`. */
  readonly remaskRatio: number;
  readonly iterations: number;
  readonly margins: Margins;
  /** Of all verbs but `generate`. */
  readonly image?: RgbaImage;
  /** Of `inpaint`. */
  readonly mask?: MaskImage;
}

export const noMargins: Margins = { left: 0, right: 0, top: 0, bottom: 0 };

export const firstRecipe: Recipe = {
  verb: 'generate',
  prompt: '',
  negativePrompt: '',
  seed: 1,
  count: 1,
  sampling: {},
  superRes: true,
  strength: 0.5,
  remaskRatio: 0.08,
  iterations: 100,
  margins: noMargins,
};

/** Uniform in [0, 2³²): short enough to be typed again. */
export function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0]!;
}

/** Images that a recipe makes. */
export function numImages({ verb, count }: Recipe): number {
  return verb === 'generate' || verb === 'variations' ? count : 1;
}

/** Whether both stages of a model can be shown of it: an extension has several windows, the first stage no one picture. */
export function showsStages({ verb, superRes }: Recipe, hasSuperRes: boolean): boolean {
  return hasSuperRes && superRes && verb !== 'outpaint';
}

/** Whether verb and prompt go together: variations do without one. */
function needsPrompt(verb: Verb): boolean {
  return verb !== 'variations';
}

/** What is missing before it can be made, for people; undefined when nothing is. */
export function missingOf(recipe: Recipe): string | undefined {
  const { verb, image, mask, margins, prompt } = recipe;
  if (verb !== 'generate' && !image) return 'Open an image first, or use a result.';
  if (verb === 'inpaint' && !mask?.data.some((value) => value !== 0)) return 'Paint over the part to change.';
  if (verb === 'outpaint' && Object.values(margins).every((pixels) => pixels === 0)) {
    return 'Drag an edge of the image outwards.';
  }
  if (needsPrompt(verb) && prompt.trim() === '') return 'Say what to draw.';
  return undefined;
}

/** The options of the pipeline, as `@muse/muse` takes them; `image` and `mask` are not among them. */
export function optionsOf(recipe: Recipe, hasSuperRes: boolean): Partial<PipelineOptions> & Record<string, unknown> {
  const { verb, prompt, negativePrompt, seed, sampling, superRes, strength, remaskRatio, iterations, margins } = recipe;
  const count = numImages(recipe);
  // Iterations take the place of decoding steps.
  const { numSteps, maskSchedule, order, choiceTemperature, ...draw } = sampling;
  const own = {
    generate: sampling,
    inpaint: sampling,
    outpaint: { ...sampling, ...given(margins) },
    edit: {
      ...draw,
      ...(iterations !== firstRecipe.iterations && { numSteps: iterations }),
      strength,
      ...(remaskRatio !== firstRecipe.remaskRatio && { remaskRatio }),
    },
    variations: { ...sampling, strength },
  } satisfies Record<Verb, object>;
  return {
    ...(prompt.trim() !== '' && { prompt: prompt.trim() }),
    ...(negativePrompt.trim() !== '' && { negativePrompt: negativePrompt.trim() }),
    seed,
    ...(count > 1 && { count }),
    ...own[verb],
    ...(hasSuperRes && !superRes && { superRes: false }),
  };
}

function given(margins: Margins): Partial<Margins> {
  return Object.fromEntries(Object.entries(margins).filter(([, pixels]) => pixels > 0));
}
