import { assertShape, type Backend, type ErrorPlace, type Modulation, ShapeError, WeightError } from '@muse/backend';
import type { Parameters } from '@muse/checkpoint';
import * as tf from '@tensorflow/tfjs';
import { numMicroConds, type UViTConfig } from './config.js';
import { sinusoids } from './microConditioning.js';
import { uvitParameters } from './parameters.js';
import { type TextKeys, UViTLayers } from './uvitLayers.js';

/** What a prompt's text and the wanted picture become for a UViT. */
export interface UViTConditioning {
  /** f32 [B, T, textDim]: CLIP's states before its last layer. */
  readonly textEmbeds: tf.Tensor3D;
  /** f32 [B, pooledTextDim]: CLIP's projected text. */
  readonly pooledEmbeds: tf.Tensor2D;
  /** [B][5]: width and height of the original, the two offsets of its crop, aesthetic score. */
  readonly microConditioning: readonly (readonly number[])[];
}

interface PreparedBlock {
  readonly modulations: readonly Modulation[];
  readonly texts: readonly (readonly [TextKeys, TextKeys])[];
}

interface PreparedLayer {
  readonly norms: readonly [Modulation, Modulation, Modulation];
  readonly text: TextKeys;
}

/** The part of the work that does not depend on the tokens. */
export interface PreparedUViT {
  readonly down: PreparedBlock;
  readonly layers: readonly PreparedLayer[];
  readonly up: PreparedBlock;
  /** Frees it. Within a `tf.tidy` there is no need to. */
  dispose(): void;
}

const place = (where: string): ErrorPlace => ({ package: 'masked-transformer', in: where });

/**
 * The transformer of aMUSEd (Patil et al. 2024, arXiv 2401.01808), as diffusers' UVit2DModel: token embedding; a block of
 * convolutions, each followed by attention to the text; layers of self-attention, attention to the text and gated MLP, on
 * half the grid in the larger model; a second block; the head. There are no positions: the convolutions' borders tell
 * them. Text and micro-conditions modulate every norm of the layers and every convolution.
 *
 * For inference: `prepare` keeps what does not depend on the tokens.
 */
export class UViT {
  /** The id that stands for “not known yet”: the last of the embedding. */
  readonly maskTokenId: number;
  /** Tokens per image, S. */
  readonly seqLen: number;
  readonly #layers: UViTLayers;

  /**
   * @param parameters tensors by name in memory layout; `dispose` frees them
   * @throws WeightError that names the parameters which are missing
   */
  constructor(
    readonly backend: Backend,
    readonly config: UViTConfig,
    readonly parameters: Parameters,
  ) {
    this.maskTokenId = config.vocabSize - 1;
    this.seqLen = config.latentSize ** 2;
    this.#layers = new UViTLayers(backend, parameters, config.layerNormEpsilon);
    const missing = uvitParameters(config).filter(({ name }) => !parameters.has(name));
    if (missing.length > 0) {
      const names = missing.map(({ name }) => name).join(', ');
      throw new WeightError(place('UViT'), `expected parameters ${names}, got none`);
    }
  }

  /**
   * Keys and values of the text, and what the condition does to each norm: once per prompt. The caller disposes it.
   *
   * @throws ShapeError if the parts do not fit each other or the configuration
   */
  prepare({ textEmbeds, pooledEmbeds, microConditioning }: UViTConditioning): PreparedUViT {
    const { textDim, pooledTextDim, microCondDim, numLayers } = this.config;
    const { B } = assertShape(place('prepare'), 'textEmbeds', textEmbeds, ['B', 'T', textDim]) as { B: number };
    assertShape(place('prepare'), 'pooledEmbeds', pooledEmbeds, [B, pooledTextDim]);
    if (microConditioning.length !== B || microConditioning.some((row) => row.length !== numMicroConds)) {
      const got = `[${microConditioning.length}, ${microConditioning[0]?.length}]`;
      throw new ShapeError(place('prepare'), `expected microConditioning [${B}, ${numMicroConds}], got ${got}`);
    }
    const layers = this.#layers;
    const { ops } = this.backend;
    const prepared = tidied(() => {
      const text = layers.norm('encoder_proj_layer_norm', layers.linear('encoder_proj', textEmbeds)); // f32 [B, T, D]
      const micro = tf.tensor2d(sinusoids(microConditioning, microCondDim), [B, numMicroConds * microCondDim]);
      const pooled = tf.concat([pooledEmbeds, micro], 1);
      const condition = layers.linear('cond_embed.linear_2', ops.silu(layers.linear('cond_embed.linear_1', pooled)));
      const activated = ops.silu(condition) as tf.Tensor2D; // f32 [B, D]
      return {
        down: this.#prepareBlock('down_block', text, activated),
        layers: Array.from({ length: numLayers }, (_, i): PreparedLayer => {
          const layer = `transformer_layers.${i}`;
          const norm = (n: number) => layers.modulation(`${layer}.norm${n}.linear`, activated);
          return { norms: [norm(1), norm(2), norm(3)], text: layers.textKeys(`${layer}.attn2`, text) };
        }),
        up: this.#prepareBlock('up_block', text, activated),
      };
    });
    return { ...prepared, dispose: () => tf.dispose(prepared as unknown as tf.TensorContainer) };
  }

  /**
   * Logits of every position, or of some. The caller owns the result.
   *
   * @param tokenIds i32 [B, S], row by row over the grid, in [0, V) or `maskTokenId`
   * @param positions i32 [B, M] in [0, S): whose logits are wanted
   * @returns f32 [B, S, V], or [B, M, V]
   * @throws ShapeError if the ids are not [B, S] with the B of `prepared`
   */
  forward(tokenIds: tf.Tensor2D, prepared: PreparedUViT, positions?: tf.Tensor2D): tf.Tensor3D {
    const B = prepared.down.modulations[0]!.scale.shape[0]!;
    assertShape(place('forward'), 'tokenIds', tokenIds, [B, this.seqLen]);
    if (tokenIds.dtype !== 'int32') {
      throw new ShapeError(place('forward'), `expected tokenIds of int32, got ${tokenIds.dtype}`);
    }
    const { latentSize, isDownsampled, blockChannels: C } = this.config;
    const layers = this.#layers;
    const side = isDownsampled ? latentSize / 2 : latentSize;
    return tf.tidy(() => {
      const embeddings = this.backend.ops.embedding(layers.get('embed.embeddings.weight') as tf.Tensor2D, tokenIds);
      const embedded = layers.pointwise('embed.conv', layers.norm('embed.layer_norm', embeddings)); // f32 [B, S, C]
      let grid = tf.reshape(embedded, [B, latentSize, latentSize, C]) as tf.Tensor4D;
      if (isDownsampled) grid = layers.downsample('down_block.downsample', grid);
      grid = this.#block('down_block', grid, prepared.down);
      let x = tf.reshape(grid, [B, side * side, C]) as tf.Tensor;
      x = layers.linear('project_to_hidden', layers.norm('project_to_hidden_norm', x)); // f32 [B, side², D]
      prepared.layers.forEach((layer, i) => {
        const before = x;
        x = tf.tidy(() => this.#layer(`transformer_layers.${i}`, before, layer));
        before.dispose();
      });
      x = layers.linear('project_from_hidden', layers.norm('project_from_hidden_norm', x));
      grid = this.#block('up_block', tf.reshape(x, [B, side, side, C]) as tf.Tensor4D, prepared.up);
      if (isDownsampled) grid = layers.upsample('up_block.upsample', grid);
      const states = tf.reshape(grid, [B, this.seqLen, C]);
      return this.#head(positions ? tf.gather(states, positions, 1, 1) : states);
    });
  }

  /** Frees the parameters. */
  dispose(): void {
    for (const tensor of this.parameters.values()) tensor.dispose();
    this.parameters.clear();
  }

  #prepareBlock(block: string, text: tf.Tensor, activated: tf.Tensor2D): PreparedBlock {
    const indices = Array.from({ length: this.config.numResBlocks }, (_, i) => i);
    return {
      modulations: indices.map((i) =>
        this.#layers.modulation(`${block}.res_blocks.${i}.cond_embeds_mapper`, activated),
      ),
      texts: indices.map((i) => this.#layers.blockTextKeys(`${block}.attention_blocks.${i}`, text)),
    };
  }

  /** @param x f32 [B, h, w, C] */
  #block(block: string, x: tf.Tensor4D, { modulations, texts }: PreparedBlock): tf.Tensor4D {
    return modulations.reduce((grid, modulation, i) => {
      return tf.tidy(() => {
        const mixed = this.#layers.convNextBlock(`${block}.res_blocks.${i}`, grid, modulation);
        return this.#layers.blockAttention(
          `${block}.attention_blocks.${i}`,
          mixed,
          texts[i]!,
          this.config.blockNumHeads,
        );
      });
    }, x);
  }

  /** @param x f32 [B, side², D] */
  #layer(layer: string, x: tf.Tensor, { norms, text }: PreparedLayer): tf.Tensor {
    const layers = this.#layers;
    const { numHeads } = this.config;
    const own = layers.modulatedNorm(`${layer}.norm1`, x, 'rms', norms[0]);
    let y = layers.selfAttention(`${layer}.attn1`, x, own, numHeads);
    const queries = layers.modulatedNorm(`${layer}.norm2`, y, 'rms', norms[1]);
    y = layers.attention(`${layer}.attn2`, y, queries, text, numHeads);
    const input = layers.modulatedNorm(`${layer}.norm3`, y, 'layer', norms[2]);
    return layers.gatedMlp(`${layer}.ff`, y, input);
  }

  /** @param x f32 [B, S or M, C] @returns f32 [B, S or M, V] */
  #head(x: tf.Tensor): tf.Tensor3D {
    const inner = this.#layers.norm('mlm_layer.layer_norm', this.#layers.pointwise('mlm_layer.conv1', x));
    return this.#layers.pointwise('mlm_layer.conv2', inner) as tf.Tensor3D;
  }
}

/** `tf.tidy` for results whose interfaces have no index signature. */
function tidied<T>(make: () => T): T {
  return tf.tidy(make as unknown as () => tf.TensorContainer) as unknown as T;
}
