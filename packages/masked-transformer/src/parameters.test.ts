import { countParameters } from '@muse/checkpoint';
import { describe, expect, it } from 'vitest';
import { type MaskedTransformerPresetName, resolveMaskedTransformerConfig } from './config.js';
import { maskedTransformerParameters, superResTransformerParameters } from './parameters.js';
import { resolveSuperResTransformerConfig, type SuperResTransformerPresetName } from './superResConfig.js';

const countOf = (preset: MaskedTransformerPresetName) =>
  countParameters(maskedTransformerParameters(resolveMaskedTransformerConfig(preset)));

describe('maskedTransformerParameters', () => {
  it.each(['tiny', 'emoji', '632M', '3B'] as const)('counts what the formula counts (%s)', (preset) => {
    const c = resolveMaskedTransformerConfig(preset);
    const [D, V, F] = [c.hiddenSize, c.codebookSize, c.mlpDim];
    const embeddings = (V + 1) * D + 2 * c.latentSize * D + c.textDim * D;
    const layer = 2 * 4 * D * D + 2 * D * F + 3 * D; // q k v o twice, MLP, three norms
    const head = D * D + D + D + D * V + V; // dense with bias, norm, output with bias
    expect(countOf(preset)).toBe(embeddings + c.numLayers * layer + D + head);
  });

  it.each([
    ['632M', 626_155_520, 632e6],
    ['3B', 3_267_739_648, 3.22e9], // 48 · 16 · 2048² in the layers, by the paper's table
  ] as const)('comes within 2% of the nominal size (%s)', (preset, count, nominal) => {
    expect(countOf(preset)).toBe(count);
    expect(Math.abs(count / nominal - 1)).toBeLessThan(0.02);
  });

  it('starts the matrices that write to the residual stream smaller by √(2·3·numLayers)', () => {
    const specs = maskedTransformerParameters(resolveMaskedTransformerConfig('tiny', { numLayers: 6 }));
    const smaller = specs.filter(({ init }) => init.kind === 'normal' && init.std < 0.02);
    expect(smaller.map(({ name }) => name.replace(/\d+/, 'i'))).toEqual(
      Array.from({ length: 6 }, () => [
        'layers.i.self_attention.output.weight',
        'layers.i.cross_attention.output.weight',
        'layers.i.mlp.down.weight',
      ]).flat(),
    );
    for (const { init } of smaller) expect(init).toEqual({ kind: 'normal', std: expect.closeTo(0.02 / 6, 12) });
  });

  it('has biases in the head alone', () => {
    const names = maskedTransformerParameters(resolveMaskedTransformerConfig('tiny')).map(({ name }) => name);
    expect(names.filter((name) => name.endsWith('bias'))).toEqual(['head.dense.bias', 'head.output.bias']);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('superResTransformerParameters', () => {
  const specsOf = (preset: SuperResTransformerPresetName, overrides = {}) =>
    superResTransformerParameters(resolveSuperResTransformerConfig(preset, overrides));

  it.each(['tiny', 'emoji', '268M', '3B-cascade'] as const)('counts what the formula counts (%s)', (preset) => {
    const c = resolveSuperResTransformerConfig(preset);
    const [D, V, F] = [c.hiddenSize, c.codebookSize, c.mlpDim];
    const embeddings = (V + 1) * D + 2 * c.latentSize * D + c.textDim * D;
    const coarseEmbeddings = c.coarseCodebookSize * D + 2 * c.coarseLatentSize * D; // no mask: all are known
    const layer = 2 * 4 * D * D + 2 * D * F + 3 * D; // q k v o twice, MLP, three norms
    const coarseLayer = 4 * D * D + 2 * D * F + 2 * D;
    const head = D * D + D + D + D * V + V;
    expect(countParameters(specsOf(preset))).toBe(
      embeddings + coarseEmbeddings + c.numLayers * layer + c.coarseNumLayers * coarseLayer + 2 * D + head,
    );
  });

  it.each([
    ['268M', 269_704_192],
    ['3B-cascade', 768_914_432],
  ] as const)('has the size that the table of the README says (%s)', (preset, count) => {
    expect(countParameters(specsOf(preset))).toBe(count);
  });

  it('comes within 1% of the size that the paper names (268M)', () => {
    expect(Math.abs(countParameters(specsOf('268M')) / 268e6 - 1)).toBeLessThan(0.01);
  });

  it('starts what writes to a residual stream smaller, by the branches of its own stack', () => {
    const specs = specsOf('tiny', { numLayers: 6, coarseNumLayers: 4 });
    const stdOf = (name: string) => {
      const init = specs.find((spec) => spec.name === name)!.init;
      return init.kind === 'normal' ? init.std : Number.NaN;
    };
    expect(stdOf('layers.5.cross_attention.output.weight')).toBeCloseTo(0.02 / Math.sqrt(2 * 3 * 6), 12);
    expect(stdOf('coarse_encoder.layers.3.mlp.down.weight')).toBeCloseTo(0.02 / Math.sqrt(2 * 2 * 4), 12);
    expect(stdOf('coarse_encoder.layers.3.self_attention.query.weight')).toBe(0.02);
  });

  it('has the names of the base model, and more', () => {
    const names = specsOf('tiny').map(({ name }) => name);
    const base = maskedTransformerParameters(resolveMaskedTransformerConfig('tiny')).map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(base));
    expect(names.filter((name) => !base.includes(name)).every((name) => name.startsWith('coarse_encoder.'))).toBe(true);
    expect(new Set(names).size).toBe(names.length);
  });
});
