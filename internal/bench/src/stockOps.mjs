// The ops of @muse/backend as people write them in plain tfjs: what ours are measured against.

/** @returns {import('@muse/backend').Ops} (those that the bundled model's training needs) */
export function stockOps(tf) {
  const norm = (x, axes, epsilon) => {
    const { mean, variance } = tf.moments(x, axes, true);
    return tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, epsilon)));
  };
  const ops = {
    linear(x, weight, bias) {
      const rows = tf.matMul(tf.reshape(x, [-1, weight.shape[0]]), weight);
      const out = tf.reshape(rows, [...x.shape.slice(0, -1), weight.shape[1]]);
      return bias ? tf.add(out, bias) : out;
    },
    attention(q, k, v, { numHeads, scale, bias, keyMask }) {
      const [B, S, width] = q.shape;
      const T = k.shape[1];
      const heads = (x, length) => tf.transpose(tf.reshape(x, [B, length, numHeads, width / numHeads]), [0, 2, 1, 3]);
      let scores = tf.mul(tf.matMul(heads(q, S), heads(k, T), false, true), scale ?? 1 / Math.sqrt(width / numHeads));
      if (bias) scores = tf.add(scores, bias);
      if (keyMask) scores = tf.add(scores, tf.mul(tf.sub(1, tf.reshape(keyMask, [B, 1, 1, T])), -1e9));
      const out = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), heads(v, T)), [0, 2, 1, 3]), [B, S, width]);
      return keyMask ? tf.mul(out, tf.reshape(tf.max(keyMask, 1), [B, 1, 1])) : out;
    },
    layerNorm(x, weight, bias, epsilon = 1e-6) {
      const out = tf.mul(norm(x, -1, epsilon), weight);
      return bias ? tf.add(out, bias) : out;
    },
    rmsNorm: (x, weight, epsilon = 1e-6) =>
      tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), epsilon))), weight),
    groupNorm(x, weight, bias, numGroups, epsilon = 1e-6) {
      const [B, H, W, C] = x.shape;
      const groups = norm(tf.reshape(x, [B, H * W, numGroups, C / numGroups]), [1, 3], epsilon);
      return tf.add(tf.mul(tf.reshape(groups, x.shape), weight), bias);
    },
    gelu: (x) => tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.div(x, Math.SQRT2)))),
    geluTanh: (x) =>
      tf.mul(
        tf.mul(x, 0.5),
        tf.add(1, tf.tanh(tf.mul(Math.sqrt(2 / Math.PI), tf.add(x, tf.mul(0.044715, tf.pow(x, 3)))))),
      ),
    silu: (x) => tf.mul(x, tf.sigmoid(x)),
    conv2d: (x, weight, bias, { stride = 1 } = {}) => tf.add(tf.conv2d(x, weight, stride, 'same'), bias),
    upsampleNearest: (x, scale) => tf.image.resizeNearestNeighbor(x, [x.shape[1] * scale, x.shape[2] * scale]),
    embedding: (table, ids) => tf.reshape(tf.gather(table, tf.reshape(ids, [-1])), [...ids.shape, table.shape[1]]),
    crossEntropy(logits, labels, labelSmoothing = 0) {
      const V = logits.shape[1];
      const target = tf.add(tf.mul(tf.oneHot(labels, V), 1 - labelSmoothing), labelSmoothing / V);
      return tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1));
    },
    fusedLinear(x, weight, { bias, activation, residual }) {
      const y = ops.linear(x, weight, bias);
      const out = activation ? ops[activation](y) : y;
      return residual ? tf.add(residual, out) : out;
    },
    selfAttention(x, { query, key, value }, options) {
      return ops.attention(ops.linear(x, query), ops.linear(x, key), ops.linear(x, value), options);
    },
    normSiluConv2d(x, norm, weight, { bias, residual }) {
      const normed = ops.groupNorm(x, norm.weight, norm.bias, norm.numGroups);
      const y = ops.conv2d(ops.silu(normed), weight, bias);
      return residual ? tf.add(residual, y) : y;
    },
    upsampleConv2d: (x, weight, bias) => ops.conv2d(ops.upsampleNearest(x, 2), weight, bias),
  };
  return ops;
}
