import type { ImageSize, Region } from '../imaging/region.js';

/** A window's place along one axis, and how many steps outwards of the image it is. */
interface Place {
  readonly start: number;
  readonly ring: number;
}

/**
 * The windows that paint a grown canvas, in order: squares that overlap by half, from the image outwards, straight ones
 * before those over the corners. Every window but the first ones of the image itself holds half of what is painted
 * before it; none is left out that holds something unpainted.
 *
 * A window's side is the image's shorter side, so that the image keeps its scale; that of an image smaller than the
 * model's is the model's, as far as the canvas goes.
 *
 * @param inner where the image lies on the canvas
 * @param modelSize side of the model's own images
 */
export function outpaintWindows(canvas: ImageSize, inner: Region, modelSize: number): Region[] {
  const side = Math.max(Math.min(inner.width, inner.height), Math.min(modelSize, canvas.width, canvas.height));
  const columns = placesOf(inner.x, inner.width, canvas.width, side);
  const rows = placesOf(inner.y, inner.height, canvas.height, side);
  const all = rows.flatMap((row) => columns.map((column) => ({ row, column })));
  const key = ({ row, column }: { row: Place; column: Place }) => [
    Math.max(row.ring, column.ring),
    row.ring + column.ring,
  ];
  all.sort((a, b) => key(a)[0]! - key(b)[0]! || key(a)[1]! - key(b)[1]!);
  const isPainted = new Uint8Array(canvas.width * canvas.height);
  cover(isPainted, canvas.width, inner);
  return all
    .map(({ row, column }) => ({ x: column.start, y: row.start, width: side, height: side }))
    .filter((region) => cover(isPainted, canvas.width, region));
}

/** Marks a rectangle. @returns whether anything of it was unmarked */
function cover(isPainted: Uint8Array, width: number, region: Region): boolean {
  let isNew = false;
  for (let y = region.y; y < region.y + region.height; y++) {
    const row = isPainted.subarray(y * width + region.x, y * width + region.x + region.width);
    isNew ||= row.includes(0);
    row.fill(1);
  }
  return isNew;
}

/** Places along one axis: over the image, then outwards to either end of the canvas. */
function placesOf(start: number, length: number, canvasLength: number, side: number): Place[] {
  const step = Math.max(1, Math.floor(side / 2));
  const last = canvasLength - side;
  const inside: number[] = [];
  if (length < side) {
    inside.push(Math.min(Math.max(0, start - Math.floor((side - length) / 2)), last));
  } else {
    for (let at = start; at < start + length - side; at += step) inside.push(at);
    inside.push(start + length - side);
  }
  const places = inside.map((at) => ({ start: at, ring: 0 }));
  for (const [from, direction] of [
    [inside[0]!, -1],
    [inside.at(-1)!, 1],
  ] as const) {
    const room = direction < 0 ? from : last - from;
    for (let ring = 1; (ring - 1) * step < room; ring++) {
      places.push({ start: from + direction * Math.min(ring * step, room), ring });
    }
  }
  return places;
}
