import { type Checkpoint, renameTensors } from '@muse/checkpoint';

const SHARED = 'shared.weight';
const ENCODER_TABLE = 'encoder.embed_tokens.weight';

/**
 * The encoder's tensors of any published T5 file: those of the decoder and the head are left out, and so is the second name
 * of the token embedding, unless it is the only one there.
 */
export function encoderOnly(checkpoint: Checkpoint): Checkpoint {
  const hasShared = checkpoint.names.includes(SHARED);
  return renameTensors(checkpoint, (name) => {
    if (name === ENCODER_TABLE) return hasShared ? undefined : SHARED;
    return name === 'lm_head.weight' || name.startsWith('decoder.') ? undefined : name;
  });
}
