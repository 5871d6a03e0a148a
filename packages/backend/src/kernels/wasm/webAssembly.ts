/** The part of WebAssembly that is used here: neither the library of ES2023 nor Node's types know it. */
interface WebAssemblyScope {
  validate(module: Uint8Array): boolean;
  compile(module: Uint8Array): Promise<WasmModule>;
  instantiate(module: WasmModule, imports: object): Promise<{ readonly exports: object }>;
}

/** Compiled; threads can be given it. */
export type WasmModule = object;

export interface WasmMemory {
  readonly buffer: ArrayBufferLike;
}

/** Undefined where the runtime has none. */
export const webAssembly = (globalThis as { WebAssembly?: WebAssemblyScope }).WebAssembly;
