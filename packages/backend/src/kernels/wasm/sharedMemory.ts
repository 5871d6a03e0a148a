const MEMORY_IMPORT_SECTION = 2;
const MEMORY_SECTION = 5;
const MEMORY_KIND = 2;
const HAS_MAXIMUM = 1;
const IS_SHARED = 2;

/**
 * A WebAssembly module with its memory, its own or an imported one, shared with other threads or not. Of both of ours: the
 * memory is the first in its section and has a maximum, as threads demand.
 */
export function withMemoryShared(module: Uint8Array, isShared: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(module);
  let at = 8; // after the magic number and the version
  while (at < bytes.length) {
    const section = bytes[at]!;
    const [size, start] = readNumber(bytes, at + 1);
    const flags =
      section === MEMORY_SECTION ? start + 1 : section === MEMORY_IMPORT_SECTION ? memoryImport(bytes, start) : -1;
    if (flags >= 0) {
      bytes[flags] = isShared ? HAS_MAXIMUM | IS_SHARED : HAS_MAXIMUM;
      return bytes;
    }
    at = start + size;
  }
  throw new Error('[backend] withMemoryShared: expected a module with a memory, got none');
}

/** Where the flags of the first import are, if that is a memory; else −1. */
function memoryImport(bytes: Uint8Array, start: number): number {
  let at = start + 1; // after the number of imports, fewer than 128
  for (const _name of ['module', 'field']) {
    const [length, text] = readNumber(bytes, at);
    at = text + length;
  }
  return bytes[at] === MEMORY_KIND ? at + 1 : -1;
}

/** An unsigned LEB128 number and where it ends. */
function readNumber(bytes: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  let at = start;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++]!;
    value |= (byte & 127) << shift;
    if (byte < 128) return [value, at];
  }
}
