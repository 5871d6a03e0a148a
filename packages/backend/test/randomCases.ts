import { expectNoLeaks, expectTensorClose } from '@muse/test-utils/checks';
import type { Tensor, Tensor1D, Tensor2D } from '@tensorflow/tfjs';
import { type Backend, gumbel, philox4x32, type RandomStream, streamWords, uniform } from '../src/index.js';
import { GUMBEL, PHILOX, UNIFORM } from '../src/kernels/webgpu/randomNumbers.js';
import { int, runKernel } from '../src/kernels/webgpu/runKernel.js';
import type { ConformanceCase } from './conformanceCase.js';

/** Streams at the ends of what they may be, and one as a sampler has it. */
const streams: readonly RandomStream[] = [
  { seed: 0, stage: 0 },
  { seed: 2 ** 53 - 1, stage: 2 ** 32 - 1, step: 2 ** 32 - 1 },
  { seed: 2 ** 32, stage: 0x5a010001, step: 1 },
  { seed: 2 ** 31, stage: 1, step: 2 ** 31 },
  { seed: 11, stage: 0x5a020000, step: 12 },
];

/** On a device as on the host. */
export const randomCases: readonly ConformanceCase[] = [
  {
    name: "uniform numbers are the host's to the bit",
    run: (backend) =>
      expectNoLeaks(backend, async () => {
        for (const length of [1, 3, 4, 64, 257, 1031]) {
          const words = backend.tf.tensor2d(streamWords(streams), [streams.length, 4], 'int32');
          const numbers = backend.ops.uniformNumbers(words, length);
          const data = Float32Array.from(streams.flatMap((stream) => [...uniform(stream, length)]));
          await expectTensorClose(numbers, { shape: [streams.length, length], data }, 0);
          backend.tf.dispose([words, numbers]);
        }
      }),
  },
  {
    name: "the noise of a choice is the host's at f32, from a base",
    run: (backend) =>
      expectNoLeaks(backend, async () => {
        const { tf, ops } = backend;
        for (const S of [5, 1031]) {
          const words = tf.tensor2d(streamWords(streams), [streams.length, 4], 'int32');
          const base = tf.tensor1d(Float32Array.from({ length: S }, (_, s) => -(s % 7))) as Tensor1D;
          const temperatures = [4.5, 0, 1, 0.25, 1];
          const choice = tf.tensor2d(temperatures.map((temperature) => [1, 3, temperature])) as Tensor2D;
          const noise = ops.choiceNoise({ streams: words, baseScores: base, choice });
          const data = streams.flatMap((stream, b) =>
            [...gumbel(stream, S)].map((value, s) => -(s % 7) + temperatures[b]! * value),
          );
          // 4.5 · 10⁻⁶, and half of the last bit of a number up to 64.
          await expectTensorClose(noise, { shape: [streams.length, S], data }, 7e-6);
          tf.dispose([words, base, choice, noise]);
        }
      }),
  },
  {
    name: 'Philox in WGSL gives the published answers, and those of the host',
    devices: ['webgpu'],
    run: (backend) => expectNoLeaks(backend, () => compareBlocks(backend)),
  },
  {
    name: 'words become numbers as on the host where rounding and logarithms are hardest',
    devices: ['webgpu'],
    run: (backend) => expectNoLeaks(backend, () => compareNumbers(backend)),
  },
];

/** kat_vectors of Random123 1.14, lines `philox4x32 10`: counter, key, result. */
const knownAnswers = [
  '00000000 00000000 00000000 00000000  00000000 00000000  6627e8d5 e169c58d bc57ac4c 9b00dbd8',
  'ffffffff ffffffff ffffffff ffffffff  ffffffff ffffffff  408f276d 41c83b0e a20bc7c6 6d5451fd',
  '243f6a88 85a308d3 13198a2e 03707344  a4093822 299f31d0  d16cfe09 94fdcceb 5001e420 24126ea1',
].map((line) => line.split(/\s+/).map((word) => Number.parseInt(word, 16)));

async function compareBlocks({ tf }: Backend): Promise<void> {
  // Each answer as the next block's counter and key: words of any kind, the host's own.
  const blocks = [...knownAnswers];
  const out = new Uint32Array(4);
  for (let i = 0; i < 253; i++) {
    const [, , , , , , ...last] = blocks.at(-1)!;
    const given = [...last, last[1]! ^ last[2]!, last[0]! ^ last[3]!].map((word) => word >>> 0);
    philox4x32(given[0]!, given[1]!, given[2]!, given[3]!, given[4]!, given[5]!, out);
    blocks.push([...given, ...out]);
  }
  const counters = tf.tensor1d(new Int32Array(blocks.flatMap((block) => block.slice(0, 6))), 'int32');
  const made = runKernel({
    key: 'testPhilox',
    inputs: { counters: { tensor: counters, components: 1 } },
    outputShape: [blocks.length, 4],
    outputType: 'int32',
    outputComponents: 4,
    workgroups: [Math.ceil(blocks.length / 64), 1, 1],
    workgroupSize: [64, 1, 1],
    uniforms: { count: int(blocks.length) },
    wgsl: /* wgsl */ `
${PHILOX}
fn wordAt(i: i32) -> u32 { return bitcast<u32>(counters[i]); }
fn main() {
  let block = 64 * i32(workgroupId.x) + i32(localIndex);
  if (block >= uniforms.count) { return; }
  let at = 6 * block;
  let counter = vec4<u32>(wordAt(at), wordAt(at + 1), wordAt(at + 2), wordAt(at + 3));
  result[block] = bitcast<vec4<i32>>(philox(counter, vec2<u32>(wordAt(at + 4), wordAt(at + 5))));
}`,
  });
  const words = new Uint32Array((await made.data<'int32'>()).slice().buffer);
  const wanted = blocks.flatMap((block) => block.slice(6));
  const at = wanted.findIndex((word, i) => words[i] !== word);
  if (at >= 0) throw new Error(`word ${at}: expected ${wanted[at]}, got ${words[at]}`);
  tf.dispose([counters, made]);
}

async function compareNumbers({ tf }: Backend): Promise<void> {
  // Around each power of two, where an f32 keeps the fewer bits, and both ends: u near 0, near 1.
  const around = Array.from({ length: 33 }, (_, bit) => [-3, -2, -1, 0, 1, 2, 3].map((off) => 2 ** bit + off)).flat();
  const ties = Array.from({ length: 64 }, (_, i) => 2 ** 23 + i).concat(
    Array.from({ length: 64 }, (_, i) => 2 ** 24 + i),
  );
  const words = [...around, ...ties].filter((word) => word >= 0 && word < 2 ** 32);
  const given = tf.tensor1d(new Int32Array(words), 'int32');
  const made = runKernel({
    key: 'testNumbersOfWords',
    inputs: { words: { tensor: given, components: 1 } },
    outputShape: [words.length, 2],
    outputComponents: 2,
    workgroups: [Math.ceil(words.length / 64), 1, 1],
    workgroupSize: [64, 1, 1],
    uniforms: { count: int(words.length) },
    wgsl: /* wgsl */ `
${UNIFORM}
${GUMBEL}
fn main() {
  let i = 64 * i32(workgroupId.x) + i32(localIndex);
  if (i >= uniforms.count) { return; }
  let word = bitcast<u32>(words[i]);
  result[i] = vec2<f32>(uniformOf(word), gumbelOf(word));
}`,
  });
  const [uniforms, noise] = tf.tidy(() => tf.split(made as Tensor, 2, 1).map((part) => tf.reshape(part, [-1])));
  const exact = words.map((word) => (word + 0.5) / 2 ** 32);
  const shape = [words.length];
  await expectTensorClose(uniforms!, { shape, data: exact.map(Math.fround) }, 0);
  await expectTensorClose(noise!, { shape, data: exact.map((u) => -Math.log(-Math.log(u))) }, 2e-6);
  tf.dispose([given, made, uniforms!, noise!]);
}
