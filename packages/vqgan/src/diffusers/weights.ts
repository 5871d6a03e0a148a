import { type Checkpoint, renameTensors } from '@muse/checkpoint';

/** Attention as diffusers named it before 0.17: files of that time are as they were. */
const formerParts: Readonly<Record<string, string>> = {
  query: 'to_q',
  key: 'to_k',
  value: 'to_v',
  proj_attn: 'to_out.0',
};

/** A checkpoint of diffusers' VQModel under our names, which are its present ones. */
export function vqModelTensors(checkpoint: Checkpoint): Checkpoint {
  return renameTensors(checkpoint, (name) =>
    name.replace(
      /(\.attentions\.\d+\.)(query|key|value|proj_attn)\./,
      (_, path, part) => `${path}${formerParts[part]}.`,
    ),
  );
}
