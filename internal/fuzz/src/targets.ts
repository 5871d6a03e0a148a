import { readFile } from 'node:fs/promises';
import {
  type FolderSource,
  memoryFolder,
  memorySource,
  openCheckpoint,
  openModelFolder,
  readJson,
} from '@muse/checkpoint';
import { clipTextParameters, resolveClipTextConfig } from '@muse/clip-encoder';
import { fixturePath } from '@muse/fixtures';
import {
  maskedTransformerParameters,
  maskedTransformerPresets,
  resolveMaskedTransformerConfig,
  resolveSuperResTransformerConfig,
  resolveUViTConfig,
  superResTransformerParameters,
  superResTransformerPresets,
  uvitParameters,
} from '@muse/masked-transformer';
import { resolveT5Config, T5Tokenizer, t5ConfigJson, t5Parameters } from '@muse/t5-encoder';
import { tinyCascadeIndex } from '@muse/tiny-model';
import { resolveVQGANConfig, resolveVQModelConfig, vqganParameters, vqganPresets } from '@muse/vqgan';
import { type Draws, mutateBytes, mutateJson } from './mutate.js';

/** A reader, and the input that it is given. */
export interface Target {
  readonly name: string;
  /** Broken input. */
  mutate(draws: Draws): Uint8Array;
  /** Resolves if the input is taken for sound. */
  read(bytes: Uint8Array): Promise<void>;
}

const fixture = async (path: string) => new Uint8Array(await readFile(fixturePath(path)));

const folderOf = (path: string, bytes: Uint8Array, others: Record<string, Uint8Array> = {}): FolderSource =>
  memoryFolder('fuzz', new Map([...Object.entries(others), [path, bytes]]));

/** A config.json, through the reader of JSON files, to the tensors that a model of it must have. */
function configTarget(name: string, sound: unknown, read: (config: unknown) => unknown): Target {
  return {
    name,
    mutate: (draws) => mutateJson(sound, draws),
    read: async (bytes) => void read(await readJson(folderOf('config.json', bytes), 'config.json')),
  };
}

export async function makeTargets(): Promise<Target[]> {
  const weights = await fixture('checkpoint/every-dtype.safetensors');
  const names = (await openCheckpoint(memorySource('sound', weights))).names;
  const shardIndex = {
    metadata: { total_size: 1 },
    weight_map: Object.fromEntries(names.map((tensor) => [tensor, 'model-00001-of-00001.safetensors'])),
  };
  return [
    {
      name: 'safetensors',
      mutate: (draws) => mutateBytes(weights, draws),
      async read(bytes) {
        const checkpoint = await openCheckpoint(memorySource('fuzz', bytes));
        for (const tensor of checkpoint.names) await checkpoint.read(tensor);
      },
    },
    {
      name: 'index of shards',
      mutate: (draws) => mutateJson(shardIndex, draws),
      async read(bytes) {
        const others = { 'model-00001-of-00001.safetensors': weights };
        const checkpoint = await openCheckpoint(folderOf('model.safetensors.index.json', bytes, others));
        for (const tensor of checkpoint.names) await checkpoint.read(tensor);
      },
    },
    {
      name: 'model_index.json',
      mutate: (draws) => mutateJson(tinyCascadeIndex, draws),
      read: async (bytes) => void (await openModelFolder(folderOf('model_index.json', bytes))),
    },
    configTarget('config.json of VQGAN', vqganPresets.tiny, (config) =>
      vqganParameters(resolveVQGANConfig(config as Parameters<typeof resolveVQGANConfig>[0])),
    ),
    configTarget('config.json of VQModel', vqModelConfig, (config) => vqganParameters(resolveVQModelConfig(config))),
    configTarget('config.json of MaskedTransformer', maskedTransformerPresets.tiny, (config) =>
      maskedTransformerParameters(resolveMaskedTransformerConfig(config)),
    ),
    configTarget('config.json of SuperResTransformer', superResTransformerPresets.tiny, (config) =>
      superResTransformerParameters(resolveSuperResTransformerConfig(config)),
    ),
    configTarget('config.json of UViT', uvitConfig, (config) => uvitParameters(resolveUViTConfig(config))),
    configTarget('config.json of T5', t5ConfigJson(resolveT5Config('small')), (config) =>
      t5Parameters(resolveT5Config(config)),
    ),
    ...(await tokenizerTargets()),
    configTarget('config.json of CLIP', clipConfig, (config) => clipTextParameters(resolveClipTextConfig(config))),
  ];
}

/** Characters that are normalised, split, spelled and special. */
const texts = [
  'a smiling cat, 3D style',
  'ﬁne ½ cafe\u0301 \u0344\u200d',
  '猫 😀 \ud83d',
  '</s> <pad>  <extra_id_0>',
  'x'.repeat(300),
];

/** Both forms of T5's tokenizer, with few of their pieces, so that an input takes a moment only. */
async function tokenizerTargets(): Promise<Target[]> {
  const json = JSON.parse(new TextDecoder().decode(await fixture('t5/t5-tokenizer/tokenizer.json')));
  json.model.vocab.length = 200;
  json.added_tokens.length = 3;
  const words = JSON.parse(new TextDecoder().decode(await fixture('t5/t5-words/tokenizer.json')));
  const spiece = fewPieces(await fixture('t5/t5-tokenizer/spiece.model'), 200);
  const encode = (tokenizer: T5Tokenizer) => {
    for (const text of texts) {
      const ids = tokenizer.encode(text);
      if (ids.some((id) => !(id >= 0 && id < tokenizer.vocabSize))) throw new Error(`ids ${ids.join()}`);
    }
  };
  return [
    {
      name: 'tokenizer.json',
      mutate: (draws) => mutateJson(draws.of([json, words]), draws),
      read: async (bytes) => encode(T5Tokenizer.fromTokenizerJson(new TextDecoder().decode(bytes))),
    },
    {
      name: 'spiece.model',
      mutate: (draws) => mutateBytes(spiece, draws),
      read: async (bytes) => encode(T5Tokenizer.fromSentencePiece(bytes)),
    },
  ];
}

/** A SentencePiece model with its first pieces only (field 1); the others are small, but for the character map. */
function fewPieces(bytes: Uint8Array, count: number): Uint8Array {
  const kept: number[] = [];
  let numPieces = 0;
  for (let at = 0; at < bytes.length; ) {
    const start = at;
    const field = bytes[at++]! >> 3;
    let size = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]!;
      size |= (byte & 127) << shift;
      if (byte < 128) break;
    }
    at += size;
    if (field !== 1 || numPieces++ < count) for (let i = start; i < at; i++) kept.push(bytes[i]!);
  }
  return Uint8Array.from(kept);
}

/** As diffusers and transformers write them, sizes of aMUSEd-256. */
const vqModelConfig = {
  _class_name: 'VQModel',
  act_fn: 'silu',
  block_out_channels: [128, 256, 256, 512, 768],
  down_block_types: new Array(5).fill('DownEncoderBlock2D'),
  in_channels: 3,
  latent_channels: 64,
  layers_per_block: 2,
  lookup_from_codebook: true,
  mid_block_add_attention: false,
  norm_num_groups: 32,
  norm_type: null,
  num_vq_embeddings: 8192,
  out_channels: 3,
  sample_size: 32,
  scaling_factor: 0.18215,
  up_block_types: new Array(5).fill('UpDecoderBlock2D'),
  vq_embed_dim: null,
};

const uvitConfig = {
  _class_name: 'UVit2DModel',
  attention_dropout: 0,
  block_num_heads: 12,
  block_out_channels: 768,
  codebook_size: 8192,
  cond_embed_dim: 768,
  downsample: false,
  encoder_hidden_size: 768,
  hidden_dropout: 0,
  hidden_size: 1024,
  in_channels: 768,
  intermediate_size: 2816,
  layer_norm_eps: 1e-6,
  ln_elementwise_affine: true,
  micro_cond_embed_dim: 1280,
  micro_cond_encode_dim: 256,
  num_attention_heads: 16,
  num_hidden_layers: 22,
  num_res_blocks: 3,
  sample_size: 16,
  upsample: false,
  use_bias: false,
  vocab_size: 8256,
};

const clipConfig = {
  architectures: ['CLIPTextModelWithProjection'],
  model_type: 'clip_text_model',
  eos_token_id: 2,
  hidden_act: 'quick_gelu',
  hidden_size: 768,
  intermediate_size: 3072,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 77,
  num_attention_heads: 12,
  num_hidden_layers: 12,
  projection_dim: 768,
  vocab_size: 49408,
};
