import { join } from 'node:path';
import type { Backend } from '@muse/backend';
import type { SceneClassifier } from '@muse/evaluation';
import type { ImageFolderDataset } from '@muse/trainer/node';
import type { Io } from '../terminal/io.js';
import type { ProgressLine } from '../terminal/progressLine.js';

/** The user's images, each decoded once to see that it can be. */
export async function openImages(
  path: string,
  imageSize: number,
  needsCaptions: boolean,
  progress: ProgressLine,
): Promise<ImageFolderDataset> {
  const { imageFolder } = await import('@muse/trainer/node');
  return imageFolder({
    path,
    imageSize,
    needsCaptions,
    onProgress: (done, total) => progress.update(`Checking images: ${done} of ${total}`),
  });
}

/** Side in pixels of the images that a tokenizer was trained on. @param tokenizerDir a folder with vqgan/ */
export async function tokenizerImageSize(tokenizerDir: string): Promise<number> {
  const { readJson } = await import('@muse/checkpoint');
  const { nodeFolder } = await import('@muse/checkpoint/node');
  const { resolveVQGANConfig } = await import('@muse/vqgan');
  const config = await readJson(nodeFolder(join(tokenizerDir, 'vqgan')), 'config.json');
  return resolveVQGANConfig(config as Parameters<typeof resolveVQGANConfig>[0]).imageSize;
}

/**
 * The frozen network of the perceptual term: of a folder, or else the one that comes with `@muse/evaluation`. Without
 * it a tokenizer still learns, so that is a warning.
 *
 * @param perceptual false if the user wants none
 */
export async function loadPerceptual(
  backend: Backend,
  perceptual: string | boolean | undefined,
  io: Io,
): Promise<SceneClassifier | undefined> {
  if (perceptual === false) return undefined;
  const { loadBundledClassifier, loadClassifierFolder } = await import('@muse/evaluation/node');
  if (typeof perceptual === 'string') return loadClassifierFolder(backend, perceptual);
  try {
    return await loadBundledClassifier(backend, 'features');
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'WeightError') throw error;
    io.err('muse: no network for the perceptual term is installed: trained without; --perceptual names one\n');
    return undefined;
  }
}
