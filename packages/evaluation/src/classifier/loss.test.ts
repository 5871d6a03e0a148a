import { type Backend, createBackend } from '@muse/backend';
import { makeSingle, names, pairScene } from '@muse/emoji-scenes';
import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type HeadName, headNames, headSizes } from './heads.js';
import { classifierLoss } from './loss.js';
import { sceneLabels } from './reading.js';

let backend: Backend;
beforeAll(async () => {
  backend = await createBackend({ device: 'cpu' });
});
afterAll(() => backend.dispose());

/** Logits of 0 but for `raised`: head → rows of [class, value]. */
function logitsOf(
  B: number,
  raised: Partial<Record<HeadName, readonly [row: number, label: number, value: number][]>> = {},
) {
  const entries = headNames.map((head) => {
    const values = new Float32Array(B * headSizes[head]);
    for (const [row, label, value] of raised[head] ?? []) values[row * headSizes[head] + label] = value;
    return [head, backend.tf.tensor2d(values, [B, headSizes[head]])] as const;
  });
  return Object.fromEntries(entries) as Record<HeadName, Tensor2D>;
}

const lossValue = async (loss: Tensor) => (await loss.data())[0]!;

test('is the sum of ln(classes) over the heads that apply when nothing is known', async () => {
  const logits = logitsOf(2);
  const labels = sceneLabels([makeSingle('cat', '3D style', 'red'), makeSingle('dog', '3D style', 'red')]);
  // kind, nameA, style, background, count; of singles neither nameB nor layout.
  const expected = Math.log(3) + Math.log(131) + Math.log(3) + Math.log(10) + Math.log(4);
  expect(await lossValue(classifierLoss(backend, logits, labels))).toBeCloseTo(expected, 4);
});

test('takes the mean of a head over the pictures that it applies to', async () => {
  const scenes = [
    makeSingle('cat', '3D style', 'red'),
    pairScene('cat', 'dog', '3D style', 'red', 'left'),
    pairScene('cat', 'dog', '3D style', 'red', 'above'),
  ];
  const dog = names.indexOf('dog');
  // Row 0 is raised where nobody asks; row 1 is right by logit 2; row 2 knows nothing.
  const logits = logitsOf(3, {
    nameB: [
      [0, 0, 50],
      [1, dog, 2],
    ],
  });
  const nameB = (Math.log((Math.exp(2) + 130) / Math.exp(2)) + Math.log(131)) / 2;
  const others = Math.log(3) + Math.log(131) + Math.log(3) + Math.log(10) + Math.log(4) + Math.log(2);
  expect(await lossValue(classifierLoss(backend, logits, sceneLabels(scenes)))).toBeCloseTo(nameB + others, 4);
});

test('is near 0 for sure and right answers', async () => {
  const scenes = [pairScene('cat', 'dog', 'flat style', 'pink', 'below')];
  const labels = sceneLabels(scenes);
  const raised = Object.fromEntries(headNames.map((head) => [head, [[0, Math.max(labels[head][0]!, 0), 40]]]));
  expect(await lossValue(classifierLoss(backend, logitsOf(1, raised as never), labels))).toBeLessThan(1e-5);
});

test('moves no logit of a head that does not apply', async () => {
  const { tf } = backend;
  const logits = logitsOf(1);
  const labels = sceneLabels([makeSingle('cat', '3D style', 'red')]);
  const gradientOf = (head: HeadName) =>
    tf.tidy(() => tf.grad((x: Tensor) => classifierLoss(backend, { ...logits, [head]: x }, labels))(logits[head]));
  expect([...(await gradientOf('layout').data())].map(Math.abs)).toEqual([0, 0]);
  // softmax − one-hot
  const kind = [...(await gradientOf('kind').data())];
  for (const [i, expected] of [-2 / 3, 1 / 3, 1 / 3].entries()) expect(kind[i]).toBeCloseTo(expected, 5);
});
