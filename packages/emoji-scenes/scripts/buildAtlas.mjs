// Renders the chosen emoji of each style into one PNG grid of 64 px RGBA sprites: assets/<style>.png and assets/atlas.json.
// Run `pnpm --filter @muse/emoji-scenes atlas` after a change of scripts/artwork.json; the result is committed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Resvg } from '@resvg/resvg-js';
import sharp from 'sharp';

/** Side of a cell. */
const SPRITE_SIZE = 64;
/** Longest side of the drawing in its cell: every emoji fills its cell alike, whatever the padding of its source. */
const DRAWING_SIZE = 60;
const NUM_COLUMNS = 12;
/** SVGs are drawn at this size, then reduced like the bitmaps. */
const RENDER_SIZE = 256;
/** Pixels fainter than this (of 255) do not count as part of the drawing when it is trimmed. */
const ALPHA_THRESHOLD = 10;

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);
const packageFolder = (name) => dirname(require.resolve(`${name}/package.json`));
const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'));

const artwork = readJson(join(here, 'artwork.json'));
const names = Object.keys(artwork);

function iconifySet(packageName) {
  const folder = packageFolder(packageName);
  const { icons, aliases = {}, width = 16, height = 16 } = readJson(join(folder, 'icons.json'));
  return (icon) => {
    const parent = icons[icon] ?? icons[aliases[icon]?.parent];
    if (!parent) throw new Error(`${packageName} has no ${icon}`);
    const [w, h] = [parent.width ?? width, parent.height ?? height];
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${w} ${h}">${parent.body}</svg>`;
    return new Resvg(svg, { fitTo: { mode: 'width', value: RENDER_SIZE } }).render().asPng();
  };
}

function fluent3dSet() {
  const folder = join(packageFolder('@lobehub/fluent-emoji-3d'), 'assets');
  const chars = readJson(join(packageFolder('@iconify-json/fluent-emoji-flat'), 'chars.json'));
  const codes = new Map(Object.entries(chars).map(([code, icon]) => [icon, code]));
  return (icon) => {
    const code = codes.get(icon);
    const file = [`${code}.webp`, `${code}-fe0f.webp`].map((f) => join(folder, f)).find((f) => existsSync(f));
    if (!file) throw new Error(`@lobehub/fluent-emoji-3d has no ${icon} (${code})`);
    return readFileSync(file);
  };
}

/** Bounding box of what is drawn. */
function bounds({ data, info: { width, height } }) {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (data[(y * width + x) * 4 + 3] < ALPHA_THRESHOLD) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y);
    }
  }
  return { left, top, width: right - left + 1, height: bottom - top + 1 };
}

/** Trims the drawing, scales its longest side to DRAWING_SIZE and centres it in a transparent cell. */
async function spriteOf(image) {
  const box = bounds(await sharp(image).ensureAlpha().raw().toBuffer({ resolveWithObject: true }));
  const scale = DRAWING_SIZE / Math.max(box.width, box.height);
  const [width, height] = [box.width, box.height].map((side) => Math.max(1, Math.round(side * scale)));
  const [left, top] = [width, height].map((side) => (SPRITE_SIZE - side) >> 1);
  return sharp(image)
    .ensureAlpha()
    .extract(box)
    .resize(width, height, { fit: 'fill', kernel: 'lanczos3' })
    .extend({
      left,
      top,
      right: SPRITE_SIZE - width - left,
      bottom: SPRITE_SIZE - height - top,
      background: { r: 0, g: 0, b: 0, alpha: 0 },
    })
    .png()
    .toBuffer();
}

const styles = [
  { name: '3D style', file: '3d.png', imageOf: fluent3dSet() },
  { name: 'flat style', file: 'flat.png', imageOf: iconifySet('@iconify-json/fluent-emoji-flat') },
  { name: 'Noto style', file: 'noto.png', imageOf: iconifySet('@iconify-json/noto') },
];

const assets = join(here, '..', 'assets');
mkdirSync(assets, { recursive: true });
for (const { file, imageOf } of styles) {
  const cells = await Promise.all(
    names.map(async (name, i) => ({
      input: await spriteOf(imageOf(artwork[name])),
      left: (i % NUM_COLUMNS) * SPRITE_SIZE,
      top: Math.floor(i / NUM_COLUMNS) * SPRITE_SIZE,
    })),
  );
  const { size } = await sharp({
    create: {
      width: NUM_COLUMNS * SPRITE_SIZE,
      height: Math.ceil(names.length / NUM_COLUMNS) * SPRITE_SIZE,
      channels: 4,
      background: { r: 0, g: 0, b: 0, alpha: 0 },
    },
  })
    .composite(cells)
    .png({ compressionLevel: 9 })
    .toFile(join(assets, file));
  process.stdout.write(`${file}: ${names.length} sprites, ${size} bytes\n`);
}
writeFileSync(
  join(assets, 'atlas.json'),
  `${JSON.stringify({ spriteSize: SPRITE_SIZE, numColumns: NUM_COLUMNS, styles: styles.map(({ name, file }) => ({ name, file })), names }, null, 2)}\n`,
);
