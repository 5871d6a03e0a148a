import { ConfigError, ImageError } from '@muse/backend';
import { type Atlas, heldOutPrompts, renderScene, type Scene, type SceneKind, sceneKinds } from '@muse/emoji-scenes';
import type { SceneClassifier } from '../classifier/sceneClassifier.js';
import { frechetDistance, type Gaussian, gaussianFit } from '../distances/frechetDistance.js';
import { pooledFeatures } from '../distances/pooledFeatures.js';
import { meanSquaredError, type PsnrSummary, summarizePsnr } from '../distances/psnr.js';
import { sobelMagnitude } from '../distances/sobel.js';
import { type Proportion, proportion } from '../proportion.js';
import { type RgbaPicture, toPicture } from '../suite/toPicture.js';

/** What both stages made of one prompt. */
export interface CascadePictures {
  /** Of `baseSize`. */
  readonly base: RgbaPicture;
  /** Of `fineSize`. */
  readonly fine: RgbaPicture;
}

export interface CascadeRequest {
  readonly index: number;
  readonly prompt: string;
  readonly seed: number;
  /** What the picture should be: its renders are the real ones. */
  readonly scene: Scene;
}

export interface EvaluateCascadeOptions {
  readonly produce: (request: CascadeRequest) => CascadePictures | Promise<CascadePictures>;
  /** Enlarges a base picture: the fine stage has to be better than this. */
  readonly enlarge: (base: RgbaPicture, side: number) => RgbaPicture;
  readonly classifier: SceneClassifier;
  readonly atlas: Atlas;
  /** Default 64. */
  readonly baseSize?: number;
  /** A multiple of `baseSize`. Default 128. */
  readonly fineSize?: number;
  /** Held-out scenes of each kind; at least two in all. Default 200. */
  readonly count?: number | Readonly<Record<SceneKind, number>>;
  /** Which scenes, and the seeds of the pictures. Default 0. */
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** A measure of the base's pictures and of the cascade's, against the same real ones. */
export interface SideBySide<Measure> {
  readonly base: Measure;
  readonly cascade: Measure;
}

export interface CascadeReport {
  readonly seed: number;
  /** Scenes in all. */
  readonly count: number;
  readonly baseSize: number;
  readonly fineSize: number;
  /** Fréchet distance to the real pictures in `pooledFeatures`, all at `fineSize`; the base's are enlarged. */
  readonly fid: SideBySide<number>;
  /** The same at `baseSize`: the cascade's are reduced. */
  readonly fidAtBaseSize: SideBySide<number>;
  /** PSNR of Sobel's magnitudes to those of the real picture, at `fineSize`. */
  readonly edges: SideBySide<PsnrSummary>;
  /** PSNR to the real picture, at `fineSize`. */
  readonly pixels: SideBySide<PsnrSummary>;
  /** Scenes whose edges are nearer to the real ones in the cascade's picture than in the base's. */
  readonly edgesNearer: Proportion;
  /** PSNR of the fine picture, each block of pixels averaged, to the base's. */
  readonly agreement: PsnrSummary;
}

/**
 * The pictures of a cascade and those of its base alone beside real renders of the same held-out scenes: a generator that
 * draws what it is asked for, as the real data has it, gets a Fréchet distance of 0 however few scenes there are. Of
 * another number of scenes distances are not comparable, as the fits are biased.
 *
 * @throws ConfigError for bad counts or sizes; ImageError for pictures of another size; the signal's reason
 */
export async function evaluateCascade(options: EvaluateCascadeOptions): Promise<CascadeReport> {
  const { classifier, baseSize = 64, fineSize = 128, seed = 0, signal, onProgress } = options;
  const requests = requestsOf(options.count ?? 200, seed);
  checkSizes(classifier, baseSize, fineSize);
  const features: Record<Shown, Float32Array[]> = {
    real: [],
    enlarged: [],
    fine: [],
    smallReal: [],
    base: [],
    small: [],
  };
  const errors: Record<Compared, number[]> = {
    baseEdges: [],
    fineEdges: [],
    basePixels: [],
    finePixels: [],
    agreement: [],
  };
  for (let first = 0; first < requests.length; first += BATCH) {
    const batch: Record<Shown, Float32Array>[] = [];
    for (const request of requests.slice(first, first + BATCH)) {
      signal?.throwIfAborted();
      batch.push(await picturesOf(options, request, baseSize, fineSize));
      onProgress?.({ done: first + batch.length, total: requests.length });
    }
    for (const pictures of batch) compare(pictures, fineSize, errors);
    for (const which of shown) {
      const side = which === 'smallReal' || which === 'base' || which === 'small' ? baseSize : fineSize;
      const rows = batch.map((pictures) => pictures[which]);
      features[which].push(await pooledFeatures(classifier, rows, side));
    }
  }
  const fits = Object.fromEntries(shown.map((which) => [which, fitOf(features[which], requests.length)])) as Fits;
  return {
    ...{ seed, count: requests.length, baseSize, fineSize },
    fid: { base: frechetDistance(fits.enlarged, fits.real), cascade: frechetDistance(fits.fine, fits.real) },
    fidAtBaseSize: {
      base: frechetDistance(fits.base, fits.smallReal),
      cascade: frechetDistance(fits.small, fits.smallReal),
    },
    edges: { base: summarizePsnr(errors.baseEdges), cascade: summarizePsnr(errors.fineEdges) },
    pixels: { base: summarizePsnr(errors.basePixels), cascade: summarizePsnr(errors.finePixels) },
    edgesNearer: proportion(errors.fineEdges.map((error, i) => error < errors.baseEdges[i]!)),
    agreement: summarizePsnr(errors.agreement),
  };
}

/** Scenes that are held in memory at once. */
const BATCH = 20;

/** At the fine size and at the base's: the real picture, the base stage's, the fine stage's. */
const shown = ['real', 'enlarged', 'fine', 'smallReal', 'base', 'small'] as const;
type Shown = (typeof shown)[number];
type Fits = Readonly<Record<Shown, Gaussian>>;
type Compared = 'baseEdges' | 'fineEdges' | 'basePixels' | 'finePixels' | 'agreement';

const place = { package: 'evaluation', in: 'evaluateCascade' };

function requestsOf(count: number | Readonly<Record<SceneKind, number>>, seed: number): CascadeRequest[] {
  const counts = typeof count === 'number' ? { single: count, count, pair: count } : count;
  const prompts = sceneKinds.flatMap((kind) => heldOutPrompts(kind, counts[kind], seed));
  if (prompts.length < 2) throw new ConfigError(place, `expected at least 2 scenes, got ${prompts.length}`);
  return prompts.map((prompt, index) => ({ ...prompt, index }));
}

/** Sizes that scenes are rendered in and that the network's stages halve without rest. */
function checkSizes({ config }: SceneClassifier, baseSize: number, fineSize: number): void {
  const factor = Math.max(8, 2 ** config.stageChannels.length);
  const isSize = (side: number) => Number.isSafeInteger(side) && side > 0 && side % factor === 0;
  if (isSize(baseSize) && isSize(fineSize) && fineSize > baseSize && fineSize % baseSize === 0) return;
  const expected = `a baseSize that is a multiple of ${factor} and a fineSize that is one of baseSize`;
  throw new ConfigError(place, `expected ${expected}, got ${baseSize} and ${fineSize}`);
}

async function picturesOf(
  { produce, enlarge, atlas }: EvaluateCascadeOptions,
  request: CascadeRequest,
  baseSize: number,
  fineSize: number,
): Promise<Record<Shown, Float32Array>> {
  const { base, fine } = await produce(request);
  return {
    real: renderScene(atlas, request.scene, fineSize),
    enlarged: exactly(enlarge(base, fineSize), fineSize),
    fine: exactly(fine, fineSize),
    smallReal: renderScene(atlas, request.scene, baseSize),
    base: exactly(base, baseSize),
    small: toPicture(fine, baseSize),
  };
}

/** A picture that may not be of another size. */
function exactly(picture: RgbaPicture, side: number): Float32Array {
  if (picture.width === side) return toPicture(picture, side);
  throw new ImageError(place, `expected a picture of ${side} × ${side}, got ${picture.width} × ${picture.height}`);
}

function compare(pictures: Record<Shown, Float32Array>, fineSize: number, errors: Record<Compared, number[]>): void {
  const { real, enlarged, fine, base, small } = pictures;
  const [realEdges, baseEdges, fineEdges] = [real, enlarged, fine].map((p) => sobelMagnitude(p, fineSize));
  errors.baseEdges.push(meanSquaredError(baseEdges!, realEdges!));
  errors.fineEdges.push(meanSquaredError(fineEdges!, realEdges!));
  errors.basePixels.push(meanSquaredError(enlarged, real));
  errors.finePixels.push(meanSquaredError(fine, real));
  errors.agreement.push(meanSquaredError(small, base));
}

function fitOf(batches: readonly Float32Array[], count: number): Gaussian {
  const values = Float32Array.from(batches.flatMap((batch) => [...batch]));
  return gaussianFit(values, values.length / count);
}
