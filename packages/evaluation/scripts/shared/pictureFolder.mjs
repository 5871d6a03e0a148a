import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '@muse/checkpoint/node';
import { decodePng, encodePng } from '@muse/muse';

/** What of a model its pictures depend on, and where it runs. */
export async function describeModel({ index, backend }, folder) {
  return {
    model: index.name,
    weights: await hashWeights(folder),
    sampling: index.sampling,
    superResSampling: index.superResSampling,
    device: backend.capabilities.description,
  };
}

/** Rows of a sheet, two side by side. */
export function twoToARow(rows) {
  return rows.flatMap((row, i) => (i % 2 === 0 ? [[...row, ...(rows[i + 1] ?? [])]] : []));
}

/** SHA-256 over the names and bytes of all files of weights of a model folder: pictures of other weights are not these. */
async function hashWeights(folder) {
  const hash = createHash('sha256');
  const files = (await readdir(folder, { recursive: true })).filter((path) => path.endsWith('.safetensors')).sort();
  for (const path of files) hash.update(path).update(await readFile(join(folder, path)));
  return hash.digest('hex');
}

/**
 * Pictures that were made with certain settings, kept as PNG files: a run that was stopped goes on where it was.
 *
 * @param settings all that the pictures depend on; a folder of others is refused
 */
export async function openPictureFolder(folder, settings) {
  await mkdir(join(folder, 'pictures'), { recursive: true });
  const path = join(folder, 'settings.json');
  const text = `${JSON.stringify(settings, null, 2)}\n`;
  if (existsSync(path) && (await readFile(path, 'utf8')) !== text) {
    throw new Error(`expected ${folder} to hold pictures of these settings, got others: see ${path}, or take another`);
  }
  await writeFileAtomic(path, text);
  return {
    /** The pictures of these names; `make` gives them, in this order, when one is not there. */
    async pictures(names, make) {
      const paths = names.map((name) => join(folder, 'pictures', `${name}.png`));
      if (!paths.every((path) => existsSync(path))) {
        for (const [i, picture] of (await make()).entries()) await writeFileAtomic(paths[i], encodePng(picture));
      }
      return Promise.all(paths.map(async (path) => decodePng(await readFile(path))));
    },
  };
}
