/** So long Dawn's binding may look at the GPU in each turn of the event loop: what is done soon is told at once. */
const EAGER_MS = 2;
/** Then it looks so often. */
const POLL_MS = 1;
/** A look that comes so long after the last one begins another wait. */
const PAUSE_MS = 10;

/** That it is done already, by another copy of this module. */
const CALM = Symbol.for('@muse/backend.pollCalmly');

/**
 * Slows down how Dawn's binding for Node waits for the GPU. As long as something is pending it has `setImmediate` call it again, in
 * each turn of the event loop (AsyncRunner.cpp; dawn-gpu/node-webgpu#17). That takes a whole core, of which a software driver
 * has too few, and each call leaves a function for the engine to collect.
 *
 * The binding takes `setImmediate` from the global scope, so that is where it is replaced. Functions of JavaScript, and those of
 * promises, pass as before.
 */
export function pollCalmly(scope: { setImmediate: typeof setImmediate } = globalThis): void {
  const original = scope.setImmediate;
  const later = setTimeout; // the real one, if it is replaced in a test
  if (CALM in original) return;
  let [firstMs, lastMs] = [0, Number.NEGATIVE_INFINITY];
  const calm = (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
    if (args.length > 0 || !isOfAddon(callback)) return original(callback, ...args);
    const nowMs = performance.now();
    if (nowMs - lastMs > PAUSE_MS) firstMs = nowMs;
    lastMs = nowMs;
    return nowMs - firstMs < EAGER_MS ? original(callback) : later(callback, POLL_MS);
  };
  // Among them what `promisify` makes of it.
  Object.defineProperties(calm, { ...Object.getOwnPropertyDescriptors(original), [CALM]: { value: true } });
  scope.setImmediate = calm as unknown as typeof setImmediate;
}

/** A native function without a name or parameters: promises' functions have a parameter, bound ones a name. */
function isOfAddon(callback: (...args: unknown[]) => void): boolean {
  if (callback.length > 0 || callback.name !== '') return false;
  return Function.prototype.toString.call(callback).endsWith('{ [native code] }');
}
