import type { Plugin } from 'vite';

/**
 * tfjs starts its WebAssembly threads from the source text of one function, which refers to a variable around it behind a
 * `typeof`. Minifiers drop the `typeof`, and every thread ends in a ReferenceError: the branch goes instead.
 */
export function wasmThreads(): Plugin {
  return {
    name: 'wasm-threads',
    transform(code, id) {
      if (!id.split('?')[0]!.endsWith('tfjs-backend-wasm-threaded-simd.js')) return undefined;
      return { code: code.replace(/typeof _scriptDir\s*!==?\s*"undefined"\s*&&\s*_scriptDir/, 'false'), map: null };
    },
  };
}
