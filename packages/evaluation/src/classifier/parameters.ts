import type { Initializer, ParameterSpec } from '@muse/checkpoint';
import type { SceneClassifierConfig } from './config.js';
import { headNames } from './heads.js';

/** Kernel of the first stage; all others are 3 × 3. */
export const STEM_KERNEL = 5;

/** The tensors of a classifier: stages.{i}.{conv, norm, blocks.{j}.{conv1, norm1, conv2, norm2}}, hidden, heads.{name}. */
export function sceneClassifierParameters(config: SceneClassifierConfig): ParameterSpec[] {
  const { imageSize, stageChannels, blocksPerStage, hiddenSize, headSizes } = config;
  const specs: ParameterSpec[] = [];
  stageChannels.forEach((width, i) => {
    const from = i === 0 ? 3 : stageChannels[i - 1]!;
    const stage = `stages.${i}`;
    specs.push(...conv(`${stage}.conv`, from, width, i === 0 ? STEM_KERNEL : 3), ...norm(`${stage}.norm`, width));
    for (let j = 0; j < blocksPerStage[i]!; j++) {
      for (const k of [1, 2]) {
        specs.push(...conv(`${stage}.blocks.${j}.conv${k}`, width, width, 3));
        specs.push(...norm(`${stage}.blocks.${j}.norm${k}`, width));
      }
    }
  });
  const side = imageSize / 2 ** stageChannels.length;
  specs.push(...linear('hidden', side * side * stageChannels.at(-1)!, hiddenSize));
  for (const head of headNames) specs.push(...linear(`heads.${head}`, hiddenSize, headSizes[head]));
  return specs;
}

const zeros: Initializer = { kind: 'zeros' };

/** Normal of variance 2 / fan-in (He et al. 2015, arXiv 1502.01852). */
function he(fanIn: number): Initializer {
  return { kind: 'normal', std: Math.sqrt(2 / fanIn) };
}

function conv(name: string, from: number, to: number, kernel: number): ParameterSpec[] {
  const shape = [to, from, kernel, kernel];
  return [
    { name: `${name}.weight`, shape, layout: 'conv', init: he(from * kernel * kernel) },
    { name: `${name}.bias`, shape: [to], layout: 'none', init: zeros },
  ];
}

function norm(name: string, width: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [width], layout: 'none', init: { kind: 'ones' } },
    { name: `${name}.bias`, shape: [width], layout: 'none', init: zeros },
  ];
}

function linear(name: string, from: number, to: number): ParameterSpec[] {
  return [
    { name: `${name}.weight`, shape: [to, from], layout: 'linear', init: { kind: 'normal', std: Math.sqrt(1 / from) } },
    { name: `${name}.bias`, shape: [to], layout: 'none', init: zeros },
  ];
}
