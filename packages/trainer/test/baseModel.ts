import type { Backend } from '@muse/backend';
import { type FolderSource, initParameters } from '@muse/checkpoint';
import { maskedTransformerParameters, resolveMaskedTransformerConfig } from '@muse/masked-transformer';
import { resolveT5Config, T5Tokenizer, t5Parameters, wordVocabularyTokenizer } from '@muse/t5-encoder';
import { VQGAN, type VQGANConfig, vqganParameters, vqganPresets } from '@muse/vqgan';
import { defaultSampling, exportModelFolder, runFolderSource } from '../src/index.js';
import { memoryRunFolder } from './memoryRunFolder.js';

/** Twice the side of the tiny preset's images: 16 × 16 tokens. */
export const fineConfig: VQGANConfig = { ...vqganPresets.tiny, imageSize: 32 };

export const vqganOf = (backend: Backend, config: VQGANConfig, seed: number) =>
  new VQGAN(backend, config, initParameters(backend, vqganParameters(config), seed));

/** A base model of 16 × 16 pixels that was never trained, as its run folder has it. */
export async function untrainedBase(
  backend: Backend,
): Promise<FolderSource & { readonly files: Map<string, Uint8Array> }> {
  const tokenizer = wordVocabularyTokenizer(['upright', 'lying', 'stripes', 'bars']);
  const { vocabSize } = T5Tokenizer.fromTokenizerJson(tokenizer);
  const textConfig = resolveT5Config('tiny', { vocabSize });
  const config = resolveMaskedTransformerConfig('tiny', {
    codebookSize: vqganPresets.tiny.codebookSize,
    textDim: textConfig.dModel,
  });
  const vqgan = vqganOf(backend, vqganPresets.tiny, 5);
  const textParameters = initParameters(backend, t5Parameters(textConfig), 6);
  const parameters = initParameters(backend, maskedTransformerParameters(config), 7);
  const run = memoryRunFolder();
  await exportModelFolder(run, 'model', {
    name: 'stripes',
    license: 'CC0-1.0',
    sampling: { ...defaultSampling, numSteps: 3 },
    backend,
    vqgan,
    textEncoder: { config: textConfig, parameters: textParameters, tokenizer },
    transformer: { config, parameters },
  });
  vqgan.dispose();
  backend.tf.dispose([...textParameters.values(), ...parameters.values()]);
  return { ...runFolderSource(run, 'model'), files: run.files };
}
