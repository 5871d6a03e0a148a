/** Threads of the workgroups that use `SUM_OF_ALL`. */
export const THREADS = 64;

/** `fn sumOfAll(own: f32) -> f32`: the sum over the workgroup's threads, the same bits in each run. */
export const SUM_OF_ALL = /* wgsl */ `
var<workgroup> partialSums: array<f32, ${THREADS}>;

fn sumOfAll(own: f32) -> f32 {
  workgroupBarrier();
  partialSums[localIndex] = own;
  workgroupBarrier();
  for (var half = ${THREADS / 2}u; half > 0u; half = half / 2u) {
    if (localIndex < half) { partialSums[localIndex] += partialSums[localIndex + half]; }
    workgroupBarrier();
  }
  return partialSums[0];
}`;
