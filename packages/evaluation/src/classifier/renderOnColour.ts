import { type Atlas, backgroundColours, renderScene, type Scene } from '@muse/emoji-scenes';

/**
 * A scene on any colour instead of its background. A pixel is through · background + sprites, so two renders on known
 * backgrounds tell `through`, the share of the background that is seen.
 *
 * @param colour RGB in [0, 1]
 * @returns f32 [imageSize · imageSize · 3]
 */
export function renderOnColour(
  atlas: Atlas,
  scene: Scene,
  colour: readonly [number, number, number],
  imageSize: number,
): Float32Array {
  const pixels = renderScene(atlas, { ...scene, background: 'black' }, imageSize);
  const onWhite = renderScene(atlas, { ...scene, background: 'white' }, imageSize);
  const { black, white } = backgroundColours;
  for (let i = 0; i < pixels.length; i++) {
    const channel = i % 3;
    const through = (onWhite[i]! - pixels[i]!) / (white[channel]! - black[channel]!);
    pixels[i]! += through * (colour[channel]! - black[channel]!);
  }
  return pixels;
}
