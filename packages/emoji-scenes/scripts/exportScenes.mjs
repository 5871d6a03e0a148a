// Writes scenes as a folder of PNG files and a metadata.jsonl of {"file_name", "text"}: what reference/pytorch trains on.
// node scripts/exportScenes.mjs --count 50000 --seed 1 --out <folder> [--split train|heldOut] [--jitter 0] [--image-size 64] (build first)
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { encode } from 'fast-png';
import { augmentedCaption, renderScene, sampleScene } from '../dist/index.js';
import { loadAtlas } from '../dist/node/index.js';

const { values } = parseArgs({
  options: {
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    out: { type: 'string' },
    split: { type: 'string', default: 'train' },
    jitter: { type: 'string', default: '0' },
    'image-size': { type: 'string', default: '64' },
  },
});
const count = Number(values.count);
if (!Number.isInteger(count) || count < 1 || !values.out) throw new Error('expected --count N --out FOLDER');
const imageSize = Number(values['image-size']);

const atlas = await loadAtlas();
mkdirSync(values.out, { recursive: true });
const lines = [];
for (let i = 0; i < count; i++) {
  const seed = Number(values.seed) * 1_000_000_007 + i;
  const scene = sampleScene({ seed, split: values.split, jitter: Number(values.jitter) });
  const data = Uint8Array.from(renderScene(atlas, scene, imageSize), (x) => Math.round(x * 255));
  const file = `${String(i).padStart(7, '0')}.png`;
  writeFileSync(
    join(values.out, file),
    encode({ width: imageSize, height: imageSize, channels: 3, data }, { zlib: { level: 1 } }),
  );
  lines.push(JSON.stringify({ file_name: file, text: augmentedCaption(scene, seed) }));
  if (i % 1000 === 999) process.stderr.write(`\r${i + 1} of ${count}`);
}
writeFileSync(join(values.out, 'metadata.jsonl'), `${lines.join('\n')}\n`);
process.stderr.write(`\r${count} scenes in ${values.out}\n`);
