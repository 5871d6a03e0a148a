import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { fileHasher, plainHasher } from './hash.js';

const bytes = Uint8Array.from({ length: 1009 }, (_, i) => (i * 31) % 251);

// FIPS 180-4's own examples, from NIST's "Example Values" for SHA-1 and SHA-256.
test.each([
  ['sha1', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
  ['sha256', 'abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  ['sha256', '', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
] as const)('%s of %j', (algorithm, text, hex) => {
  const hasher = plainHasher(algorithm);
  hasher.update(new TextEncoder().encode(text));
  expect(hasher.hex()).toBe(hex);
});

test.each(['sha1', 'sha256'] as const)(
  '%s equals OpenSSL for every length around a block, in any pieces',
  (algorithm) => {
    for (let length = 0; length < 200; length++) {
      const part = bytes.subarray(0, length);
      const whole = plainHasher(algorithm);
      whole.update(part);
      const pieces = plainHasher(algorithm);
      for (let at = 0, size = 1; at < length; at += size, size = (size * 7) % 67)
        pieces.update(part.subarray(at, at + size));
      const expected = createHash(algorithm).update(part).digest('hex');
      expect([length, whole.hex(), pieces.hex()]).toEqual([length, expected, expected]);
    }
  },
);

test("a file's git hash is that of `git hash-object`", () => {
  // printf 'test content\n' | git hash-object --stdin, from the Pro Git book, section 10.2.
  const content = new TextEncoder().encode('test content\n');
  const hasher = fileHasher('git-sha1', content.length);
  hasher.update(content);
  expect(hasher.hex()).toBe('d670460b4b4aece5915caf5c68d12f560a9fe3e4');
});
