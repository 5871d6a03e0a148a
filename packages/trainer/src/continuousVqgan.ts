import { type Reconstruction, VQGAN } from '@muse/vqgan';
import type { Tensor4D } from '@tensorflow/tfjs';

/** A VQGAN whose decoder gets the encoder's outputs as they are. */
export class ContinuousVQGAN extends VQGAN {
  override reconstruct(images: Tensor4D): Reconstruction {
    const { tf } = this.backend;
    const latents = this.encodeLatents(images);
    const [B, h, w] = latents.shape;
    return {
      latents,
      quantized: tf.clone(latents),
      tokenIds: tf.zeros([B, h, w], 'int32'),
      reconstructed: this.decodeLatents(latents),
    };
  }
}
