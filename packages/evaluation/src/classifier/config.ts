import { ConfigError } from '@muse/backend';
import { type HeadName, headNames, headSizes } from './heads.js';

export interface SceneClassifierConfig {
  /** Side of the pictures that it judges, a multiple of 2 per stage. */
  readonly imageSize: number;
  /** Width of each stage; each halves height and width. */
  readonly stageChannels: readonly number[];
  /** Residual blocks at the end of each stage. */
  readonly blocksPerStage: readonly number[];
  readonly normNumGroups: number;
  /** Width of the layer that all heads read. */
  readonly hiddenSize: number;
  /** Classes of each head: a network is bound to the vocabulary that it was trained on. */
  readonly headSizes: Readonly<Record<HeadName, number>>;
}

/** 1.2 M parameters, 25 M multiplications for a picture of 64 × 64. */
export const sceneClassifierDefaults: SceneClassifierConfig = {
  imageSize: 64,
  stageChannels: [24, 48, 96, 128],
  blocksPerStage: [0, 0, 1, 1],
  normNumGroups: 8,
  hiddenSize: 256,
  headSizes,
};

/** @throws ConfigError that names the field and what it is expected to be */
export function resolveSceneClassifierConfig(options: Partial<SceneClassifierConfig> = {}): SceneClassifierConfig {
  const config = { ...sceneClassifierDefaults, ...options };
  const { imageSize, stageChannels, blocksPerStage, normNumGroups, hiddenSize } = config;
  const isCount = (n: unknown, least = 1) => Number.isSafeInteger(n) && (n as number) >= least;
  const must = (isRight: boolean, expected: string, got: unknown) => {
    if (!isRight) throw problem(expected, got);
  };
  must(isCount(normNumGroups), 'normNumGroups to be a positive integer', normNumGroups);
  must(isCount(hiddenSize), 'hiddenSize to be a positive integer', hiddenSize);
  must(
    Array.isArray(stageChannels) &&
      stageChannels.length > 0 &&
      stageChannels.every((width) => isCount(width) && width % normNumGroups === 0),
    `stageChannels to be multiples of normNumGroups ${normNumGroups}`,
    stageChannels,
  );
  must(
    Array.isArray(blocksPerStage) &&
      blocksPerStage.length === stageChannels.length &&
      blocksPerStage.every((n) => isCount(n, 0)),
    `blocksPerStage to be ${stageChannels.length} integers of at least 0`,
    blocksPerStage,
  );
  const factor = 2 ** stageChannels.length;
  must(isCount(imageSize) && imageSize % factor === 0, `imageSize to be a multiple of ${factor}`, imageSize);
  for (const head of headNames) {
    const got = config.headSizes[head];
    must(got === headSizes[head], `${headSizes[head]} classes of ${head}, those of the emoji scenes`, got);
  }
  return config;
}

function problem(expected: string, got: unknown): ConfigError {
  const place = { package: 'evaluation', in: 'resolveSceneClassifierConfig' };
  return new ConfigError(place, `expected ${expected}, got ${JSON.stringify(got)}`);
}
