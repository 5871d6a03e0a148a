import { captionWords, sentenceWords } from './captions.js';
import { backgrounds, names, pluralOf, singularOf, styles } from './vocabulary.js';

/** Every known word of the captions, in lower case and sorted. */
export const sceneVocabulary: readonly string[] = captionWords([
  ...sentenceWords,
  ...styles,
  ...backgrounds,
  ...names.flatMap((name) => [name, pluralOf(name), singularOf(name)]),
]);
