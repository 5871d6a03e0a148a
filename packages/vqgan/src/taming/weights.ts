import { WeightError } from '@muse/backend';
import { type Checkpoint, isObject, renameTensors } from '@muse/checkpoint';
import type { VQGANConfig } from '../config.js';
import { adaptTensors } from '../layouts/adaptTensors.js';
import { countWhile, inferConfig } from '../layouts/inferConfig.js';
import { vqganParameters } from '../parameters.js';

const resnetParts: Readonly<Record<string, string>> = { nin_shortcut: 'conv_shortcut' };
const attentionParts: Readonly<Record<string, string>> = {
  norm: 'group_norm',
  q: 'to_q',
  k: 'to_k',
  v: 'to_v',
  proj_out: 'to_out.0',
};

/**
 * A VQGAN of taming-transformers (Esser et al. 2021, arXiv 2012.09841; f16 of 1024 and of 16384 codes), as config and as a
 * checkpoint under our names: attention at the coarsest resolution and in the middle, pixels in [−1, 1]. Names of the loss
 * (`loss.*`, of a file that holds the training too) are left out.
 *
 * @see https://github.com/CompVis/taming-transformers taming/modules/diffusionmodules/model.py
 * @throws WeightError naming a tensor that such a file has and this one lacks; for a Gumbel VQGAN
 */
export function tamingVQGAN(checkpoint: Checkpoint): { readonly config: VQGANConfig; readonly checkpoint: Checkpoint } {
  const names = new Set(checkpoint.names);
  checkNotGumbel(checkpoint);
  const numLevels = countWhile((level) => names.has(`encoder.down.${level}.block.0.conv1.weight`));
  const levels = Array.from({ length: numLevels }, (_, level) => level);
  const config = inferConfig(
    checkpoint,
    {
      attentionLevels: levels.filter((level) => names.has(`encoder.down.${level}.attn.0.norm.weight`)),
      hasMidAttention: names.has('encoder.mid.attn_1.norm.weight'),
      downsampling: 'conv',
      shortcutOf: 'input',
      pixelRange: 'symmetric',
    },
    { package: 'vqgan', in: 'tamingVQGAN' },
  );
  const renamed = renameTensors(checkpoint, (name) => ourName(name, numLevels));
  return { config, checkpoint: adaptTensors(renamed, vqganParameters(config)) };
}

const NEAREST = 'expected a VQGAN whose tokens are the nearest codes,';
const GUMBEL = 'a Gumbel VQGAN, which chooses codes by a convolution';

/** taming's GumbelQuantize has other tensors in the place of the codebook. */
function checkNotGumbel({ name, names }: Checkpoint): void {
  const theirs = names.filter((tensor) => /^quantize\.(embed|proj)\./.test(tensor)).sort();
  if (theirs.length === 0) return;
  throw new WeightError(
    { package: 'vqgan', in: 'tamingVQGAN' },
    `${name}: ${NEAREST} with a tensor quantize.embedding.weight, got ${theirs.join(', ')} of ${GUMBEL}`,
  );
}

/**
 * Of taming's configuration, as JSON: `{ model: { target: "taming.models.vqgan.VQModel", … } }`.
 *
 * @throws WeightError for that of a Gumbel VQGAN
 */
export function checkTamingConfig(config: unknown, file: string): void {
  const model = isObject(config) && isObject(config.model) ? config.model : config;
  const target = isObject(model) ? model.target : undefined;
  if (typeof target !== 'string' || !/(^|\.)Gumbel/.test(target)) return;
  throw new WeightError(
    { package: 'vqgan', in: 'loadImageTokenizer' },
    `${file}: ${NEAREST} target taming.models.vqgan.VQModel, got ${target}: ${GUMBEL}`,
  );
}

/** Undefined for what is not needed; names that are not upstream's stay, to be reported as surplus. */
function ourName(name: string, numLevels: number): string | undefined {
  if (name.startsWith('loss.')) return undefined;
  const [part, ...path] = name.split('.');
  if (part !== 'encoder' && part !== 'decoder') return name;
  const [kind, level, inner, index, ...rest] = path;
  if (kind === 'norm_out') return [part, 'conv_norm_out', ...path.slice(1)].join('.');
  if (kind === 'mid') {
    const [, number] = /^(?:block|attn)_(\d)$/.exec(level ?? '') ?? [];
    if (!number) return name;
    const place = [part, 'mid_block'];
    const tail = path.slice(2);
    return level!.startsWith('attn')
      ? [...place, 'attentions', Number(number) - 1, ...renamed(tail, attentionParts)].join('.')
      : [...place, 'resnets', Number(number) - 1, ...renamed(tail, resnetParts)].join('.');
  }
  const isDown = part === 'encoder' && kind === 'down';
  if (!isDown && !(part === 'decoder' && kind === 'up')) return name;
  // The decoder's levels are numbered from the finest, its blocks here from the coarsest.
  const block = isDown ? `${part}.down_blocks.${level}` : `${part}.up_blocks.${numLevels - 1 - Number(level)}`;
  if (inner === 'block') return [block, 'resnets', index, ...renamed(rest, resnetParts)].join('.');
  if (inner === 'attn') return [block, 'attentions', index, ...renamed(rest, attentionParts)].join('.');
  if (inner === 'downsample') return [block, 'downsamplers.0', index, ...rest].join('.');
  if (inner === 'upsample') return [block, 'upsamplers.0', index, ...rest].join('.');
  return name;
}

function renamed([first = '', ...rest]: readonly string[], parts: Readonly<Record<string, string>>): string[] {
  return [parts[first] ?? first, ...rest];
}
