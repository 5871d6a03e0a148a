import { randomUint32 } from '@muse/backend';

/** Draws for one input: a function of its number. */
export class Draws {
  private readonly values: Uint32Array;
  private at = 0;

  constructor(number: number) {
    this.values = Uint32Array.from(randomUint32({ seed: number, stage: 0xf022 }, 64));
  }

  /** In [0, limit). */
  below(limit: number): number {
    return limit === 0 ? 0 : this.values[this.at++ % this.values.length]! % limit;
  }

  of<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!;
  }
}

/** Flips, cuts, doubles and inserts bytes; mostly near the front, where headers are. */
export function mutateBytes(sound: Uint8Array, draws: Draws): Uint8Array {
  const end = draws.below(4) === 0 ? sound.length : Math.min(sound.length, 1024);
  const at = draws.below(end);
  switch (draws.below(5)) {
    case 0:
      return sound.slice(0, at);
    case 1:
      return joined(sound.subarray(0, at), Uint8Array.of(draws.below(256)), sound.subarray(at));
    case 2:
      return joined(sound.subarray(0, at), sound.subarray(draws.below(end)));
    case 3: {
      // A length, a size, an offset.
      const bytes = sound.slice();
      const number = draws.of([0n, 1n, 0xffn, 0x7fffffffn, 0xffffffffn, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]);
      for (let i = 0; i < 8 && at + i < bytes.length; i++) bytes[at + i] = Number((number >> BigInt(8 * i)) & 0xffn);
      return bytes;
    }
    default: {
      const bytes = sound.slice();
      for (let i = draws.below(4); i >= 0; i--) bytes[draws.below(end)] = draws.below(256);
      return bytes;
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

const nasty = (): readonly unknown[] => [
  null,
  true,
  -1,
  0,
  1,
  2,
  0.5,
  1e9,
  2 ** 31,
  2 ** 53,
  1e308,
  '',
  'x',
  '1',
  '../../etc/passwd',
  '__proto__',
  'x'.repeat(5000),
  [],
  [0],
  [1, 2],
  [1e9, 1e9, 1e9],
  new Array(3000).fill(1),
  {},
  { a: { b: [] } },
];

/** Changes some values of a JSON text, drops and adds keys, then at times breaks its text. */
export function mutateJson(sound: unknown, draws: Draws): Uint8Array {
  const json = structuredClone(sound);
  for (let i = draws.below(3); i >= 0; i--) mutateValue(json, draws);
  const isReplaced = draws.below(50) === 0;
  const bytes = new TextEncoder().encode(JSON.stringify(isReplaced ? draws.of(nasty()) : json));
  return draws.below(5) === 0 ? mutateBytes(bytes, draws) : bytes;
}

function mutateValue(root: unknown, draws: Draws): void {
  let place = root;
  while (typeof place === 'object' && place !== null) {
    const object = place as Record<string, unknown>;
    const keys = Object.keys(object);
    const key = keys.length > 0 ? draws.of(keys) : 'added';
    const inner = object[key];
    if (typeof inner === 'object' && inner !== null && draws.below(3) > 0) {
      place = inner;
      continue;
    }
    const kind = draws.below(5);
    if (kind === 0) delete object[key];
    else if (kind === 1) object[draws.of(['added', 'constructor', 'toString', '_class_name'])] = draws.of(nasty());
    else if (kind === 2 && typeof inner === 'number')
      object[key] = inner * draws.of([-1, 0, 2, 1000, 2 ** 20, 2 ** 40]);
    else object[key] = draws.of(nasty());
    return;
  }
}
