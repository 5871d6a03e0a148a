import { type Checkpoint, renameTensors } from '@muse/checkpoint';

/** Tables of 0, 1, 2, … that older files hold. */
const buffers = /\.embeddings\.position_ids$/;

/** The tensors of one tower out of a file that may hold a whole CLIPModel. */
export function towerOf(checkpoint: Checkpoint, tower: 'text' | 'image'): Checkpoint {
  const others =
    tower === 'text'
      ? /^(vision_model\.|visual_projection\.|logit_scale$)/
      : /^(text_model\.|text_projection\.|logit_scale$)/;
  return renameTensors(checkpoint, (name) => (others.test(name) || buffers.test(name) ? undefined : name));
}
