import type { RgbaImage } from '@muse/muse';

/** Colours as 0xRRGGBB, and where each was put. */
export interface Palette {
  readonly colors: readonly number[];
  /** Index of a colour that occurs in the images. */
  indexOf(color: number): number;
}

export function colorAt({ data }: RgbaImage, pixel: number): number {
  return (data[4 * pixel]! << 16) | (data[4 * pixel + 1]! << 8) | data[4 * pixel + 2]!;
}

/** A box of colours with how often each occurs. */
type Box = readonly (readonly [color: number, count: number])[];

const channels = [16, 8, 0] as const;

/** The channel in which a box is widest, and how wide. */
function widestChannel(box: Box): { shift: number; width: number } {
  return channels
    .map((shift) => {
      const values = box.map(([color]) => (color >> shift) & 255);
      return { shift, width: values.reduce((a, b) => Math.max(a, b)) - values.reduce((a, b) => Math.min(a, b)) };
    })
    .reduce((widest, one) => (one.width > widest.width ? one : widest));
}

/** Half of a box's pixels, by the channel in which it is widest. */
function split(box: Box): [Box, Box] {
  const { shift } = widestChannel(box);
  const sorted = [...box].sort(([a], [b]) => ((a >> shift) & 255) - ((b >> shift) & 255) || a - b);
  const half = sorted.reduce((sum, [, count]) => sum + count, 0) / 2;
  let cut = 1;
  for (let sum = sorted[0]![1]; cut < sorted.length - 1 && sum < half; cut++) sum += sorted[cut]![1];
  return [sorted.slice(0, cut), sorted.slice(cut)];
}

function meanColor(box: Box): number {
  const total = box.reduce((sum, [, count]) => sum + count, 0);
  const mean = (shift: number) =>
    box.reduce((sum, [color, count]) => sum + ((color >> shift) & 255) * count, 0) / total;
  return channels.reduce<number>((color, shift) => color | (Math.round(mean(shift)) << shift), 0);
}

/** At most `size` colours for all images together, by median cut (Heckbert 1982); exact if they have no more. */
export function makePalette(images: readonly RgbaImage[], size: number): Palette {
  const counts = new Map<number, number>();
  for (const image of images) {
    for (let pixel = 0; pixel < image.width * image.height; pixel++) {
      const color = colorAt(image, pixel);
      counts.set(color, (counts.get(color) ?? 0) + 1);
    }
  }
  const boxes: Box[] = [[...counts].sort(([a], [b]) => a - b)];
  while (boxes.length < size) {
    const weights = boxes.map((box) => (box.length < 2 ? 0 : widestChannel(box).width * Math.sqrt(box.length)));
    const widest = weights.indexOf(weights.reduce((a, b) => Math.max(a, b)));
    if (weights[widest] === 0) break;
    boxes.splice(widest, 1, ...split(boxes[widest]!));
  }
  const indices = new Map(boxes.flatMap((box, index) => box.map(([color]) => [color, index] as const)));
  return { colors: boxes.map(meanColor), indexOf: (color) => indices.get(color)! };
}
