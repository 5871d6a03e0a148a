import { describeBackends, expectClose } from '@muse/test-utils';
import * as tf from '@tensorflow/tfjs';
import { expect, it } from 'vitest';
import { discriminatorAdversarialLoss, generatorAdversarialLoss } from './adversarial.js';
import { type FeatureNetwork, perceptualLoss } from './perceptual.js';
import { pixelLoss } from './reconstruction.js';

const softplus = (x: number) => Math.log1p(Math.exp(x));

describeBackends('losses computed by hand', (backend) => {
  const pixels = (values: number[]) => tf.tensor4d(values, [1, 1, 2, 3]);

  it('l1 is the mean absolute, l2 the mean squared difference', async () => {
    const [a, b] = [pixels([0, 1, 0.5, 0.25, 0, 1]), pixels([0.5, 1, 0, 0.25, 1, 0.5])];
    expectClose(await pixelLoss(backend(), 'l1', a, b).data(), [2.5 / 6], 1e-6);
    expectClose(await pixelLoss(backend(), 'l2', a, b).data(), [1.75 / 6], 1e-6);
  });

  it('hinge: the generator raises logits, the discriminator leaves alone what is beyond the margin', async () => {
    const [real, fake] = [tf.tensor1d([2, 0.5, -1]), tf.tensor1d([-3, -0.5, 1])];
    expectClose(await generatorAdversarialLoss(backend(), 'hinge', fake).data(), [2.5 / 3], 1e-6);
    const loss = (r: tf.Tensor, f: tf.Tensor) => discriminatorAdversarialLoss(backend(), 'hinge', r, f);
    expectClose(await loss(real, fake).data(), [((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3) / 2], 1e-6);
    const [towardsReal, towardsFake] = tf.grads(loss)([real, fake]);
    expectClose(await towardsReal!.data(), [0, -1 / 6, -1 / 6], 1e-6);
    expectClose(await towardsFake!.data(), [0, 1 / 6, 1 / 6], 1e-6);
  });

  it('non-saturating: softplus of the wrong way', async () => {
    const [real, fake] = [tf.tensor1d([2, -1]), tf.tensor1d([-3, 1])];
    const generator = await generatorAdversarialLoss(backend(), 'non-saturating', fake).data();
    expectClose(generator, [(softplus(3) + softplus(-1)) / 2], 1e-5);
    const discriminator = await discriminatorAdversarialLoss(backend(), 'non-saturating', real, fake).data();
    expectClose(discriminator, [(softplus(-2) + softplus(1) + softplus(-3) + softplus(1)) / 4], 1e-5);
  });

  it('the perceptual distance compares directions of features, summed over layers', async () => {
    // The images themselves as features of one layer, their first two channels as those of another.
    const network: FeatureNetwork = {
      features: (images) => [images, tf.slice(images, [0, 0, 0, 0], [1, 1, 2, 2])],
    };
    const [a, b] = [pixels([3, 4, 0, 0, 0, 2]), pixels([0.6, 0.8, 0, 0, 1, 0])];
    // Pixel 1 points the same way. Pixel 2: (0 0 1) against (0 1 0) is 2; (0 0) against (0 1) is 1. Means over two pixels.
    expectClose(await perceptualLoss(backend(), network, a, b).data(), [(0 + 2) / 2 + (0 + 1) / 2], 1e-5);
  });

  it('the perceptual distance has a finite gradient where every feature is 0', async () => {
    const network: FeatureNetwork = { features: (images) => [tf.relu(images)] };
    const gradient = tf.grad((x: tf.Tensor) =>
      perceptualLoss(backend(), network, x as tf.Tensor4D, pixels([1, 2, 3, 4, 5, 6])),
    )(pixels([-1, -1, -1, -1, -1, -1]));
    expect([...(await gradient.data())].every(Number.isFinite)).toBe(true);
  });
});
