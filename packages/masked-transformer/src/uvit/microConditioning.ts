/** Longest period of the sinusoids, over 2π. */
const MAX_PERIOD = 10_000;

/**
 * Sinusoids of numbers (diffusers' get_timestep_embedding with the cosines first and no shift): per number x the values
 * cos(x·ωᵢ), then sin(x·ωᵢ), ωᵢ = 10000^(−i / (dim/2)).
 *
 * On the host, because WGSL promises little for angles past π; rounded to f32 where PyTorch rounds.
 *
 * @param rows numbers, as many in each row
 * @param dim even
 * @returns f32 [rows · numbers · dim]
 */
export function sinusoids(rows: readonly (readonly number[])[], dim: number): Float32Array {
  const half = dim / 2;
  const frequencies = Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(-Math.log(MAX_PERIOD) * i) / half)),
  );
  const numbers = rows.flat();
  const out = new Float32Array(numbers.length * dim);
  numbers.forEach((x, n) => {
    frequencies.forEach((frequency, i) => {
      const angle = Math.fround(Math.fround(x) * frequency);
      out[n * dim + i] = Math.cos(angle);
      out[n * dim + half + i] = Math.sin(angle);
    });
  });
  return out;
}
