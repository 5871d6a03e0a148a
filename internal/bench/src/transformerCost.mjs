// What a pass of Muse's transformer should cost, by its sizes alone.

/**
 * FLOP of the products of a forward pass, 2 for a multiplication and an addition; keys and values of the text are made before.
 *
 * @param {import('@muse/masked-transformer').MaskedTransformerConfig} config
 * @param {{ numRows: number, numTextTokens: number }} sizes B and T
 */
export function forwardFlop(config, { numRows: B, numTextTokens: T }) {
  const { hiddenSize: D, numLayers: L, latentSize } = config;
  const S = latentSize ** 2;
  const attention = L * 4 * B * S * (S + T) * D;
  return 2 * B * S * weightsPerToken(config) + attention;
}

/** Weights that every token is multiplied by: all but embeddings, norms, and what makes keys and values of the text. */
export function weightsPerToken({ hiddenSize: D, mlpDim: F, codebookSize: V, numLayers: L }) {
  return L * (4 * D * D + 2 * D * D + 2 * D * F) + D * D + D * V;
}

/**
 * Bytes of the tensors that are alive together at the peak of a forward pass in the reference ops, without the weights: in the
 * attention the scores and their softmax, f32 [B, N, S, S] each, beside nine of [B, S, D] (states, norm, queries, keys, values,
 * what the heads are split to); or in the MLP six of [B, S, F] beside three.
 */
export function activationBytes({ hiddenSize: D, mlpDim: F, numHeads: N, latentSize }, numRows) {
  const S = latentSize ** 2;
  const attention = 2 * N * S * S + 9 * S * D;
  const mlp = 6 * S * F + 3 * S * D;
  return 4 * numRows * Math.max(attention, mlp);
}

/** Least-squares slope of log y over log x: k where y is proportional to xᵏ. @param {[x: number, y: number][]} points */
export function slopeOf(points) {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)]);
  const mean = (axis) => logs.reduce((sum, log) => sum + log[axis], 0) / logs.length;
  const [meanX, meanY] = [mean(0), mean(1)];
  const sum = (value) => logs.reduce((total, log) => total + value(log), 0);
  return sum(([x, y]) => (x - meanX) * (y - meanY)) / sum(([x]) => (x - meanX) ** 2);
}
