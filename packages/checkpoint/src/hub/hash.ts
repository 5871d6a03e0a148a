/** A hash that is fed piece by piece. */
export interface Hasher {
  update(bytes: Uint8Array): void;
  /** Lower-case hexadecimal. Ends the hash. */
  hex(): string;
}

/** What a file is checked against: LFS files have the SHA-256 of their bytes, all others the SHA-1 that git gives a blob. */
export interface FileHash {
  readonly kind: 'sha256' | 'git-sha1';
  readonly hex: string;
}

/** Makes the hash of some bytes' plain SHA; Node's own is an order of magnitude faster than ours. */
export type HasherFactory = (algorithm: 'sha256' | 'sha1') => Hasher;

/** The hash of a file of known size. */
export function fileHasher(kind: FileHash['kind'], sizeBytes: number, make: HasherFactory = plainHasher): Hasher {
  if (kind === 'sha256') return make('sha256');
  const hasher = make('sha1');
  hasher.update(new TextEncoder().encode(`blob ${sizeBytes}\0`));
  return hasher;
}

/** SHA-256 and SHA-1 (FIPS 180-4) in plain JavaScript: WebCrypto wants a file of gigabytes in one piece. */
export function plainHasher(algorithm: 'sha256' | 'sha1'): Hasher {
  return algorithm === 'sha256' ? new BlockHasher(initial256(), compress256) : new BlockHasher(initial1(), compress1);
}

const BLOCK_BYTES = 64;

class BlockHasher implements Hasher {
  private readonly rest = new Uint8Array(BLOCK_BYTES);
  private restBytes = 0;
  private sizeBytes = 0;
  private readonly words = new Int32Array(80);

  constructor(
    private readonly state: Int32Array,
    private readonly compress: (state: Int32Array, words: Int32Array) => void,
  ) {}

  update(bytes: Uint8Array): void {
    this.sizeBytes += bytes.length;
    let at = 0;
    while (at < bytes.length) {
      if (this.restBytes === 0 && bytes.length - at >= BLOCK_BYTES) {
        this.block(bytes, at);
        at += BLOCK_BYTES;
        continue;
      }
      const part = bytes.subarray(at, at + BLOCK_BYTES - this.restBytes);
      this.rest.set(part, this.restBytes);
      this.restBytes += part.length;
      at += part.length;
      if (this.restBytes === BLOCK_BYTES) {
        this.block(this.rest, 0);
        this.restBytes = 0;
      }
    }
  }

  hex(): string {
    const bits = BigInt(this.sizeBytes) * 8n;
    const padBytes = ((BLOCK_BYTES + 55 - this.restBytes) % BLOCK_BYTES) + 1;
    const padding = new Uint8Array(padBytes + 8);
    padding[0] = 0x80;
    new DataView(padding.buffer).setBigUint64(padBytes, bits);
    this.update(padding);
    return [...this.state].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }

  private block(bytes: Uint8Array, at: number): void {
    const { words } = this;
    for (let i = 0; i < 16; i++) {
      const j = at + 4 * i;
      words[i] = (bytes[j]! << 24) | (bytes[j + 1]! << 16) | (bytes[j + 2]! << 8) | bytes[j + 3]!;
    }
    this.compress(this.state, words);
  }
}

function initial1(): Int32Array {
  return Int32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0);
}

function rotateLeft(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

function compress1(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 80; i++) w[i] = rotateLeft(w[i - 3]! ^ w[i - 8]! ^ w[i - 14]! ^ w[i - 16]!, 1);
  let [a, b, c, d, e] = state as unknown as [number, number, number, number, number];
  for (let i = 0; i < 80; i++) {
    let f: number;
    if (i < 20) f = ((b & c) | (~b & d)) + 0x5a827999;
    else if (i < 40) f = (b ^ c ^ d) + 0x6ed9eba1;
    else if (i < 60) f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    else f = (b ^ c ^ d) + 0xca62c1d6;
    const next = (rotateLeft(a, 5) + f + e + w[i]!) | 0;
    e = d;
    d = c;
    c = rotateLeft(b, 30);
    b = a;
    a = next;
  }
  add(state, [a, b, c, d, e]);
}

/** The first primes: the constants of SHA-256 are the fractions of their roots. */
const primes = firstPrimes(64);
const roundConstants = Int32Array.from(primes, (prime) => fractionBits(Math.cbrt(prime)));

function initial256(): Int32Array {
  return Int32Array.from(primes.slice(0, 8), (prime) => fractionBits(Math.sqrt(prime)));
}

/** The first 32 bits behind the point. */
function fractionBits(x: number): number {
  return Math.floor((x % 1) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

function compress256(state: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15]!;
    const y = w[i - 2]!;
    const s0 = rotateLeft(x, 25) ^ rotateLeft(x, 14) ^ (x >>> 3);
    const s1 = rotateLeft(y, 15) ^ rotateLeft(y, 13) ^ (y >>> 10);
    w[i] = w[i - 16]! + s0 + w[i - 7]! + s1;
  }
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  let e = state[4]!;
  let f = state[5]!;
  let g = state[6]!;
  let h = state[7]!;
  for (let i = 0; i < 64; i++) {
    const s1 = rotateLeft(e, 26) ^ rotateLeft(e, 21) ^ rotateLeft(e, 7);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + roundConstants[i]! + w[i]!) | 0;
    const s0 = rotateLeft(a, 30) ^ rotateLeft(a, 19) ^ rotateLeft(a, 10);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  add(state, [a, b, c, d, e, f, g, h]);
}

function add(state: Int32Array, words: readonly number[]): void {
  for (let i = 0; i < words.length; i++) state[i]! += words[i]!;
}
