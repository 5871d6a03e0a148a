import { ConfigError, ImageError } from '@muse/backend';
import type { VQGAN } from '@muse/vqgan';
import { type RgbaImage, type TokenGrid, toPixels, toRgba } from './image.js';
import { RepeatedCall } from './repeatedCall.js';
import { Runtime } from './runtime.js';

const place = (where: string) => ({ package: 'muse', in: where });

/** Images of 8 bits to tokens of a VQGAN and back: what a tokenizer that is used without a pipeline needs around it. */
export class ImageTokenizer {
  readonly #runtime: Runtime;
  readonly #encode: RepeatedCall;
  readonly #decode: RepeatedCall;

  /** @param vqgan stays the caller's */
  constructor(
    readonly vqgan: VQGAN,
    runtime = new Runtime(vqgan.backend),
  ) {
    this.#runtime = runtime;
    this.#encode = new RepeatedCall(runtime, 'encodeImage', vqgan.encodeParts());
    this.#decode = new RepeatedCall(runtime, 'decodeTokens', vqgan.decodeParts());
  }

  /**
   * Tokens of an image. Transparent parts are taken for white.
   *
   * @param image sides multiples of the VQGAN's downsampling factor
   * @throws ImageError
   */
  async encodeImage(image: RgbaImage): Promise<TokenGrid> {
    this.#runtime.checkAlive('encodeImage');
    const { width, height } = image;
    const factor = this.vqgan.downsampleFactor;
    const pixels = toPixels(image);
    if (width % factor !== 0 || height % factor !== 0) {
      throw new ImageError(
        place('encodeImage'),
        `expected width and height to be multiples of ${factor}, got ${width} × ${height}: resize the image`,
      );
    }
    const { tf } = this.#runtime.backend;
    const given = tf.tensor4d(pixels, [1, height, width, 3]);
    const tokenIds = await this.#encode.run(given).finally(() => given.dispose());
    return { tokenIds: await this.#runtime.read<Int32Array>(tokenIds), grid: [height / factor, width / factor] };
  }

  /**
   * The image of a grid of tokens.
   *
   * @param tokenIds i32 [h·w] in [0, V)
   * @throws ConfigError
   */
  async decodeTokens(tokenIds: Int32Array, grid: readonly [number, number]): Promise<RgbaImage> {
    this.#runtime.checkAlive('decodeTokens');
    const [h, w] = grid;
    const areSides = [h, w].every((side) => Number.isSafeInteger(side) && side > 0);
    if (!areSides || tokenIds.length !== h * w) {
      throw new ConfigError(place('decodeTokens'), `expected ${h} × ${w} token ids, got ${tokenIds.length}`);
    }
    const { codebookSize } = this.vqgan.config;
    const strange = tokenIds.findIndex((id) => !(id >= 0 && id < codebookSize));
    if (strange >= 0) {
      const got = `${tokenIds[strange]} at position ${strange}`;
      throw new ConfigError(place('decodeTokens'), `expected token ids in [0, ${codebookSize}), got ${got}`);
    }
    const { tf } = this.#runtime.backend;
    const given = tf.tensor3d(tokenIds, [1, h, w], 'int32');
    const pixels = await this.#decode.run(given).finally(() => given.dispose());
    const factor = this.vqgan.downsampleFactor;
    return toRgba(await this.#runtime.read<Float32Array>(pixels), w * factor, h * factor);
  }

  /** Frees what the device keeps for pictures to come; the VQGAN stays. */
  dispose(): void {
    this.#encode.dispose();
    this.#decode.dispose();
  }
}
