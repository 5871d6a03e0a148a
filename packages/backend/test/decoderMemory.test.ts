import type { Tensor1D, Tensor4D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { create, globals } from 'webgpu';
import { type Backend, createBackend } from '../src/index.js';

const MIB = 2 ** 20;

// The last resolution of aMUSEd-256's decoder at its full size, on Dawn's null backend: nothing is computed, and buffers are
// counted as on any GPU.
let backend: Backend;
let scope: PropertyDescriptor | undefined;

beforeAll(async () => {
  Object.assign(globalThis, globals);
  scope = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  const navigator = { gpu: create(['backend=null']) };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  backend = await createBackend({ device: 'webgpu', autotune: false });
});

afterAll(async () => {
  await backend?.dispose();
  if (scope) Object.defineProperty(globalThis, 'navigator', scope);
});

/** Bytes of GPU buffers from now on, the most at once beyond those that were there. */
function countBuffers(): { readonly peak: () => number; readonly stop: () => void } {
  const { device } = backend.tf.backend() as unknown as { device: GPUDevice };
  let [now, peak] = [0, 0];
  const { createBuffer } = device;
  device.createBuffer = (descriptor) => {
    const buffer = createBuffer.call(device, descriptor);
    now += buffer.size;
    peak = Math.max(peak, now);
    const { destroy } = buffer;
    buffer.destroy = () => {
      now -= buffer.size;
      delete (buffer as Partial<GPUBuffer>).destroy;
      return destroy.call(buffer);
    };
    return buffer;
  };
  return { peak: () => peak, stop: () => delete (device as Partial<GPUDevice>).createBuffer };
}

/** Three residual blocks, the first from 256 channels to 128. */
function makeLevel() {
  const { tf, ops } = backend;
  const filters = (I: number, size: number) => tf.zeros([size, size, I, 128]) as Tensor4D;
  const channels = (C: number) => tf.zeros([C]) as Tensor1D;
  const norm = (C: number) => ({ weight: channels(C), bias: channels(C), numGroups: 32 });
  const norms = { 128: norm(128), 256: norm(256) };
  const [bias, narrow, wide, shortcut] = [channels(128), filters(128, 3), filters(256, 3), filters(256, 1)];
  const block = (x: Tensor4D) =>
    tf.tidy(() => {
      const isWide = x.shape[3] === 256;
      const inner = ops.normSiluConv2d(x, isWide ? norms[256] : norms[128], isWide ? wide : narrow, { bias });
      const residual = isWide ? ops.conv2d(x, shortcut, bias) : x;
      return ops.normSiluConv2d(inner, norms[128], narrow, { bias, residual });
    });
  return (x: Tensor4D) =>
    tf.tidy(() => {
      const first = block(x);
      const second = block(first);
      first.dispose();
      const third = block(second);
      second.dispose();
      return third;
    });
}

it('a decoder at full resolution has four images of its channels at once, and a new one that waits', async () => {
  const { tf } = backend;
  const level = makeLevel();
  const x = tf.zeros([1, 256, 256, 256]) as Tensor4D; // 64 MiB
  await backend.checkErrors();
  const { peak, stop } = countBuffers();
  const out = level(x);
  // Of 32 MiB each: what two convolutions leave, the shortcut, the result; and what waits to be used again. Without that it is 164.
  expect(peak() / MIB).toBeLessThan(136);
  await backend.checkErrors();
  out.dispose();
  stop();
  x.dispose();
});
