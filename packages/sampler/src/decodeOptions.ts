import { ConfigError, type ErrorPlace, type RandomStream } from '@muse/backend';
import { resolveSamplingSettings, type SamplingSettings, shown } from './settings.js';

/** What a step asks of the network. */
export interface LogitsRequest {
  /** k in 1 … numSteps. */
  readonly step: number;
  readonly numSteps: number;
  /** False when the guidance of this step is 0: `unconditional` would not be looked at. */
  readonly needsUnconditional: boolean;
}

/** What the network answers, f32 [B·S·V] each. The sampler reads them before its next call and keeps neither. */
export interface Logits {
  readonly conditional: Float32Array;
  /** Logits without the prompt, or with the negative prompt. */
  readonly unconditional?: Float32Array;
}

/** What a step asks of a network that samples by itself. */
export interface SampleRequest extends LogitsRequest {
  /** t of this step. */
  readonly guidanceScale: number;
  readonly sampleTemperature: number;
  /** Of each image those to sample; of some none. */
  readonly positions: readonly (readonly number[])[];
  /** Of each image a number in (0, 1) for each of its positions: where that falls in the cumulative distribution is the token. */
  readonly draws: readonly Float32Array[];
}

/** Of the positions of an image, in their order. */
export interface SampledTokens {
  readonly tokenIds: Int32Array;
  /** Logarithms of their probabilities at temperature 1, guided; not finite where logits are NaN or infinite. */
  readonly logProbability: Float32Array;
}

/** What a step asks of a network that samples and decides by itself. */
export interface DecideRequest extends LogitsRequest {
  /** t of this step. */
  readonly guidanceScale: number;
  readonly sampleTemperature: number;
  /** Of each image, with a number a position: where `uniform` falls in its cumulative distribution is the token. */
  readonly drawStreams: readonly RandomStream[];
  /** Of each image. A position's score is base + log-probability · `confidenceWeight` + `noiseTemperature` · `gumbel`. */
  readonly noiseStreams: readonly RandomStream[];
  readonly noiseTemperature: number;
  readonly confidenceWeight: 0 | 1;
  /** Masked positions of each image before the step. */
  readonly numMasked: readonly number[];
  /** How many of them it decides: those of the highest scores, of equal ones the first. */
  readonly numDecided: readonly number[];
}

/** Where a decode stands, each [B·S]. */
export interface TokenState {
  readonly tokenIds: Int32Array;
  /** What was last sampled; −1 where logits were once NaN or infinite. */
  readonly candidates: Int32Array;
  /** Logarithm of each candidate's probability at temperature 1, guided; 0 where the token was given. */
  readonly logProbability: Float32Array;
}

/** A network that holds the tokens of a decode: a device need not be waited for between steps. */
export interface TokenDecoder {
  /** Resolves when the device has taken the step, which may be long before it is done. */
  step(request: DecideRequest): Promise<void>;
  read(): Promise<TokenState>;
  dispose(): void;
}

export interface DecodeOptions extends Partial<SamplingSettings> {
  /** The network. @param tokenIds i32 [B·S], a copy; masked positions hold `maskTokenId` */
  tokensToLogits(tokenIds: Int32Array, request: LogitsRequest): Promise<Logits>;
  /**
   * The network with its draws, where logits need not leave the device: in the place of `tokensToLogits` when neither top-k nor
   * top-p is set. Draws by the same numbers, at f32.
   *
   * @param tokenIds i32 [B·S], a copy
   */
  sampleTokens?(tokenIds: Int32Array, request: SampleRequest): Promise<readonly SampledTokens[]>;
  /**
   * The network with its sampling, where nothing need leave the device: in `decode`, in the place of `tokensToLogits`, when
   * neither top-k nor top-p is set. Draws by the same numbers, at f32.
   *
   * @param tokenIds i32 [B·S], a copy
   * @param baseScores f32 [S], what the scores of positions begin with in every step
   */
  startDecoder?(tokenIds: Int32Array, baseScores: Float32Array): TokenDecoder;
  /** i32 [B·S], left as it is. Positions equal to `maskTokenId` are decided, all others are kept. */
  readonly tokenIds: Int32Array;
  /** One per image, integers in [0, 2^53). */
  readonly seeds: readonly number[];
  readonly grid: readonly [height: number, width: number];
  /** V. */
  readonly codebookSize: number;
  /** Outside of [0, V), so that the network can't choose it. */
  readonly maskTokenId: number;
  /**
   * Steps of the schedule that count as done, in [0, numSteps): decoding begins after them, with n₀ the whole grid. With
   * ⌊h·w·γ(startStep / N)⌋ tokens masked this is diffusers' image-to-image. Default 0: n₀ are those masked.
   */
  readonly startStep?: number;
  /** Sets decodes of one image apart that share its seed (base 0, super-resolution 1), u16. Default 0. */
  readonly stage?: number;
  readonly signal?: AbortSignal;
}

/** Options that are checked and complete. */
export interface ResolvedDecodeOptions extends Omit<DecodeOptions, keyof SamplingSettings | 'stage' | 'startStep'> {
  readonly settings: SamplingSettings;
  readonly startStep: number;
  readonly stage: number;
}

function isIntegerIn(value: unknown, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most;
}

/** @throws ConfigError on the first option out of its range */
export function resolveDecodeOptions(
  options: DecodeOptions,
  place: ErrorPlace = { package: 'sampler', in: 'decode' },
): ResolvedDecodeOptions {
  const check = (isValid: boolean, expected: string, got: unknown) => {
    if (!isValid) throw new ConfigError(place, `expected ${expected}, got ${shown(got)}`);
  };
  const settings = resolveSamplingSettings(options, place);
  const {
    tokensToLogits,
    tokenIds,
    seeds,
    grid,
    codebookSize,
    maskTokenId,
    startStep = 0,
    stage = 0,
    signal,
  } = options;
  check(typeof tokensToLogits === 'function', 'tokensToLogits to be a function', typeof tokensToLogits);
  check(
    Array.isArray(grid) && grid.length === 2 && grid.every((side) => isIntegerIn(side, 1, 2 ** 20)),
    'grid to be [h, w], integers of at least 1',
    grid,
  );
  check(isIntegerIn(codebookSize, 1, 2 ** 31 - 1), 'codebookSize to be an integer of at least 1', codebookSize);
  check(
    isIntegerIn(maskTokenId, -(2 ** 31), 2 ** 31 - 1) && (maskTokenId < 0 || maskTokenId >= codebookSize),
    `maskTokenId to be an integer outside of the codebook's [0, ${codebookSize})`,
    maskTokenId,
  );
  check(
    Array.isArray(seeds) && seeds.length > 0 && seeds.every((seed) => isIntegerIn(seed, 0, Number.MAX_SAFE_INTEGER)),
    'seeds to be one integer in [0, 2^53) per image',
    seeds,
  );
  const lastStart = settings.numSteps - 1;
  check(isIntegerIn(startStep, 0, lastStart), `startStep to be an integer in [0, ${lastStart}]`, startStep);
  check(isIntegerIn(stage, 0, 0xffff), 'stage to be an integer in [0, 65535]', stage);
  const seqLen = grid[0] * grid[1];
  check(
    tokenIds instanceof Int32Array && tokenIds.length === seeds.length * seqLen,
    `tokenIds to be an Int32Array of ${seeds.length} × ${seqLen} ids (images × grid)`,
    tokenIds instanceof Int32Array ? `${tokenIds.length} ids` : typeof tokenIds,
  );
  const strange = tokenIds.findIndex((id) => id !== maskTokenId && (id < 0 || id >= codebookSize));
  check(
    strange === -1,
    `every token id to be maskTokenId ${maskTokenId} or in [0, ${codebookSize})`,
    `${tokenIds[strange]} at position ${strange}`,
  );
  return {
    settings,
    tokensToLogits: tokensToLogits.bind(options),
    ...(options.sampleTokens && { sampleTokens: options.sampleTokens.bind(options) }),
    ...(options.startDecoder && { startDecoder: options.startDecoder.bind(options) }),
    tokenIds,
    seeds,
    grid,
    codebookSize,
    maskTokenId,
    startStep,
    stage,
    signal,
  };
}
