import { ConfigError } from '@muse/backend';
import { isObject } from '@muse/checkpoint';

/** Training fields that both transformers have, with their defaults. */
export const trainingDefaults = { condDropProb: 0.1, labelSmoothing: 0.1 } as const;

export interface TrainingFields {
  /** Probability in [0, 1] with which training takes an image's text away (0.1 in the paper). */
  readonly condDropProb: number;
  /** Share in [0, 1) of the target spread over all codes; the paper does not say, MaskGIT has 0.1. */
  readonly labelSmoothing: number;
}

/** All fields of a configuration but the training's, which have defaults. */
export type WithTrainingDefaults<Config extends TrainingFields> = Omit<Config, keyof TrainingFields> &
  Partial<TrainingFields>;

export interface FieldRules<Config extends TrainingFields> {
  /** Function that an error names. */
  readonly in: string;
  readonly presets: Readonly<Record<string, Config>>;
  /** Fields that must be whole numbers of at least 1. */
  readonly sizes: readonly (keyof Config & string)[];
}

/** No model has as many: more is a broken file, whose tensors would fill the memory before one is missed. */
export const MAX_LAYERS = 1000;

/** Says in one way what a field must be and what it is. */
export type InvalidField = (field: string, expected: string, got: unknown) => ConfigError;

export const invalidField =
  (where: string): InvalidField =>
  (field, expected, got) =>
    new ConfigError(
      { package: 'masked-transformer', in: where },
      `expected ${field} to be ${expected}, got ${JSON.stringify(got) ?? String(got)}`,
    );

/**
 * Fields of a preset, an options object or a parsed `config.json`, with overrides and defaults: known names only, sizes
 * whole, heads dividing the width, probabilities in range.
 *
 * @throws ConfigError naming the field, what it must be and what it is
 */
export function resolveFields<
  Config extends TrainingFields & { readonly hiddenSize: number; readonly numHeads: number },
>(rules: FieldRules<Config>, source: unknown, overrides: Partial<Config>): Config {
  const invalid = invalidField(rules.in);
  const fields: Record<string, unknown> = { ...trainingDefaults, ...fieldsOf(rules, source), ...overrides };
  const known = new Set<string>([...rules.sizes, ...Object.keys(trainingDefaults)]);
  for (const name of Object.keys(fields)) {
    if (!known.has(name)) throw invalid(name, `one of the fields ${[...known].join(', ')}`, fields[name]);
  }
  for (const name of rules.sizes) {
    const value = fields[name];
    if (!Number.isSafeInteger(value) || (value as number) < 1) {
      throw invalid(name, 'a whole number of at least 1', value);
    }
    if (/layers$/i.test(name) && (value as number) > MAX_LAYERS) throw invalid(name, `at most ${MAX_LAYERS}`, value);
  }
  const config = fields as unknown as Config;
  const { hiddenSize, numHeads, condDropProb, labelSmoothing } = config;
  if (hiddenSize % numHeads !== 0) throw invalid('hiddenSize', `a multiple of numHeads = ${numHeads}`, hiddenSize);
  if (typeof condDropProb !== 'number' || !(condDropProb >= 0 && condDropProb <= 1))
    throw invalid('condDropProb', 'a number in [0, 1]', condDropProb);
  if (typeof labelSmoothing !== 'number' || !(labelSmoothing >= 0 && labelSmoothing < 1))
    throw invalid('labelSmoothing', 'a number in [0, 1)', labelSmoothing);
  return config;
}

function fieldsOf<Config extends TrainingFields>(rules: FieldRules<Config>, source: unknown): object {
  const invalid = invalidField(rules.in);
  if (typeof source === 'string') {
    if (!Object.hasOwn(rules.presets, source)) {
      throw invalid('preset', `one of ${Object.keys(rules.presets).join(', ')}`, source);
    }
    return rules.presets[source]!;
  }
  if (!isObject(source)) throw invalid('config', "a preset's name or an object", source);
  return source;
}
