import { WeightError } from '@muse/backend';
import { type Checkpoint, isObject, renameTensors } from '@muse/checkpoint';
import { downsampleFactorOf, imageSizeFrom, type VQGANConfig } from '../config.js';
import { adaptTensors } from '../layouts/adaptTensors.js';
import { countWhile, inferConfig } from '../layouts/inferConfig.js';
import { reshapeTensors } from '../layouts/reshapeTensors.js';
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
 * @param json taming's configuration, if it is there: only the image size is taken of it
 * @see https://github.com/CompVis/taming-transformers taming/modules/diffusionmodules/model.py
 * @throws WeightError naming a tensor that such a file has and this one lacks; for a Gumbel VQGAN
 */
export function tamingVQGAN(
  checkpoint: Checkpoint,
  json?: unknown,
): { readonly config: VQGANConfig; readonly checkpoint: Checkpoint } {
  const names = new Set(checkpoint.names);
  checkNotGumbel(checkpoint);
  const numLevels = countWhile((level) => names.has(`encoder.down.${level}.block.0.conv1.weight`));
  const levels = Array.from({ length: numLevels }, (_, level) => level);
  const inferred = inferConfig(
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
  const factor = downsampleFactorOf(inferred);
  const config = { ...inferred, imageSize: imageSizeFrom(resolutionOf(json), factor, inferred.imageSize) };
  const renamed = renameTensors(checkpoint, (name) => ourName(name, numLevels));
  return { config, checkpoint: adaptTensors(renamed, vqganParameters(config)) };
}

function resolutionOf(json: unknown): unknown {
  return ['model', 'params', 'ddconfig', 'resolution'].reduce<unknown>(
    (value, key) => (isObject(value) ? value[key] : undefined),
    json,
  );
}

/** A checkpoint of our names and shapes under taming's: matrices of attention are 1×1 convolutions there. */
export function tamingTensors(config: VQGANConfig, checkpoint: Checkpoint): Checkpoint {
  const numLevels = config.blockOutChannels.length;
  const matrices = new Map(
    vqganParameters(config)
      .filter(({ layout }) => layout === 'linear')
      .map(({ name, shape }) => [name, [...shape, 1, 1]]),
  );
  return renameTensors(
    reshapeTensors(checkpoint, (name) => matrices.get(name)),
    (name) => theirName(name, numLevels),
  );
}

/** taming's configuration of a VQGAN that is built as its VQModel; JSON is YAML, so that OmegaConf reads it too. */
export function tamingConfigJson(config: VQGANConfig): object {
  const { blockOutChannels, codebookDim, codebookSize, imageSize, layersPerBlock, structure } = config;
  const [channels] = blockOutChannels as [number];
  return {
    model: {
      target: 'taming.models.vqgan.VQModel',
      params: {
        embed_dim: codebookDim,
        n_embed: codebookSize,
        ddconfig: {
          double_z: false,
          z_channels: codebookDim,
          resolution: imageSize,
          in_channels: 3,
          out_ch: 3,
          ch: channels,
          ch_mult: blockOutChannels.map((width) => width / channels),
          num_res_blocks: layersPerBlock,
          attn_resolutions: (structure?.attentionLevels ?? []).map((level) => imageSize / 2 ** level),
          dropout: 0,
        },
        // Training's, of which there is nothing in the weights.
        lossconfig: { target: 'taming.modules.losses.vqperceptual.DummyLoss' },
      },
    },
  };
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

/** The way back of {@link ourName}. */
function theirName(name: string, numLevels: number): string {
  const parts = Object.entries({ ...resnetParts, ...attentionParts });
  const renamed = name
    .replace('.conv_norm_out.', '.norm_out.')
    .replace(/\.mid_block\.(resnets|attentions)\.(\d+)\./, (_, kind, index) => {
      return `.mid.${kind === 'resnets' ? 'block' : 'attn'}_${Number(index) + 1}.`;
    })
    .replace(/^encoder\.down_blocks\./, 'encoder.down.')
    .replace(/^decoder\.up_blocks\.(\d+)\./, (_, block) => `decoder.up.${numLevels - 1 - Number(block)}.`)
    .replace('.resnets.', '.block.')
    .replace('.attentions.', '.attn.')
    .replace('.downsamplers.0.', '.downsample.')
    .replace('.upsamplers.0.', '.upsample.');
  return parts.reduce((path, [theirs, ours]) => path.replace(`.${ours}.`, `.${theirs}.`), renamed);
}
