import { countParameters } from '@muse/checkpoint';
import { describe, expect, it } from 'vitest';
import { type MaskedTransformerPresetName, resolveMaskedTransformerConfig } from './config.js';
import { maskedTransformerParameters } from './parameters.js';

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
