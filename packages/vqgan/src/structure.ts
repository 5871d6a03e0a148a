import { ConfigError, type ErrorPlace } from '@muse/backend';

/** In what published VQGANs differ from Muse's. */
export interface VQGANStructure {
  /** Resolutions, 0 the finest, that have attention after each residual block, in encoder and decoder alike. */
  readonly attentionLevels: readonly number[];
  /** Attention between the two residual blocks in the middle. */
  readonly hasMidAttention: boolean;
  /** How the encoder halves the resolution. */
  readonly downsampling: 'conv' | 'average';
  /** What the 1×1 convolution sees, of a residual block that changes the width: its input, or (MaskGIT) its own update. */
  readonly shortcutOf: 'input' | 'update';
  /** Of pixels inside: [0, 1], or [−1, 1]. Outside they are in [0, 1] always. */
  readonly pixelRange: 'unit' | 'symmetric';
}

/** That of Muse, and of aMUSEd's VQModel. */
export const museStructure: VQGANStructure = {
  attentionLevels: [],
  hasMidAttention: false,
  downsampling: 'conv',
  shortcutOf: 'input',
  pixelRange: 'unit',
};

const choices = {
  hasMidAttention: [true, false],
  downsampling: ['conv', 'average'],
  shortcutOf: ['input', 'update'],
  pixelRange: ['unit', 'symmetric'],
} as const;

/** A complete and valid structure. @throws ConfigError naming the field, what it must be and what it is */
export function resolveStructure(
  options: Partial<VQGANStructure>,
  numLevels: number,
  place: ErrorPlace,
): VQGANStructure {
  const structure = { ...museStructure, ...options };
  const invalid = (field: string, expected: string, got: unknown) =>
    new ConfigError(place, `expected structure.${field} to be ${expected}, got ${JSON.stringify(got)}`);
  for (const field of Object.keys(structure)) {
    if (!Object.hasOwn(museStructure, field)) {
      throw invalid(field, `one of ${Object.keys(museStructure).join(', ')}`, field);
    }
  }
  for (const [field, allowed] of Object.entries(choices) as [keyof typeof choices, readonly unknown[]][]) {
    if (!allowed.includes(structure[field])) throw invalid(field, `one of ${allowed.join(', ')}`, structure[field]);
  }
  const levels: unknown = structure.attentionLevels;
  const areLevels =
    Array.isArray(levels) && levels.every((level) => Number.isInteger(level) && level >= 0 && level < numLevels);
  if (!areLevels) throw invalid('attentionLevels', `a list of levels below ${numLevels}`, levels);
  return structure;
}
