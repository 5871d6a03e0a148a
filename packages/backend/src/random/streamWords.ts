import { checkSeed, type RandomStream } from './draws.js';

/**
 * Streams as a device is given them: of each the lower and upper 32 bits of its seed, its stage and its step, i32 [R·4].
 *
 * @throws ConfigError for a seed that is no integer in [0, 2^53)
 */
export function streamWords(streams: readonly RandomStream[]): Int32Array {
  return Int32Array.from(
    streams.flatMap(({ seed, stage, step = 0 }) => {
      checkSeed(seed, 'streamWords');
      return [seed | 0, Math.floor(seed / 2 ** 32), stage | 0, step | 0];
    }),
  );
}

/** The streams that `streamWords` made words of. */
export function streamsOf(words: Int32Array): RandomStream[] {
  const parts = Uint32Array.from(words);
  return Array.from({ length: words.length / 4 }, (_, row) => ({
    seed: parts[4 * row]! + parts[4 * row + 1]! * 2 ** 32,
    stage: parts[4 * row + 2]!,
    step: parts[4 * row + 3]!,
  }));
}
