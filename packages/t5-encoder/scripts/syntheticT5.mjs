// A T5 encoder of real shapes that holds nothing: a safetensors file with holes, which the file system gives as zeros.
// Dense, it holds random values instead, so that two programs can be compared on it.
import { mkdir, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { normal } from '@muse/backend';
import { resolveT5Config, t5ConfigJson, t5Parameters } from '../dist/index.js';

/** Random values that all tensors are cut out of, at different places. */
const NUM_VALUES = 2 ** 18 + 3;

const bf16 = (value) => new Uint32Array(Float32Array.of(value).buffer)[0] >>> 16;
const count = (shape) => shape.reduce((product, size) => product * size, 1);

/** @returns bytes of the file */
export async function writeSyntheticT5(folder, preset, { isDense = false, tokenizer }) {
  const config = resolveT5Config(preset);
  const specs = t5Parameters(config);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'config.json'), JSON.stringify(t5ConfigJson(config), null, 2));
  await writeFile(join(folder, 'tokenizer.json'), tokenizer);

  let end = 0;
  const entries = specs.map(({ name, shape }) => {
    const begin = end;
    end += 2 * count(shape);
    return [name, { dtype: 'BF16', shape, data_offsets: [begin, end] }];
  });
  const json = JSON.stringify(Object.fromEntries(entries));
  const header = Buffer.from(json + ' '.repeat(-json.length & 7));
  const file = await open(join(folder, 'model.safetensors'), 'w');
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  await file.write(length, 0, 8, 0);
  await file.write(header, 0, header.length, 8);
  const start = 8 + header.length;
  await file.truncate(start + end);

  const source = isDense ? normal({ seed: 1, stage: 0, step: 0 }, NUM_VALUES) : undefined;
  for (const [index, { shape, init }] of specs.entries()) {
    const offset = start + entries[index][1].data_offsets[0];
    if (init.kind === 'ones')
      await file.write(
        Uint16Array.from({ length: count(shape) }, () => bf16(1)),
        0,
        undefined,
        offset,
      );
    else if (source) {
      // With attention's scores small, as trained models have them.
      const values = Uint16Array.from(source, (value) => bf16(value * init.std * 0.7));
      let place = (index * 7919) % 65_521;
      for (let done = 0; done < count(shape); ) {
        const part = values.subarray(place, Math.min(values.length, place + count(shape) - done));
        await file.write(part, 0, undefined, offset + 2 * done);
        done += part.length;
        place = 0;
      }
    }
  }
  await file.close();
  return start + end;
}
