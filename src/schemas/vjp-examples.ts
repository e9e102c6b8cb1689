/** Worked examples of POST /sample/vjp for the OpenAPI document; the tests send each of them. */
export const vjpExamples = {
  soft: {
    summary: 'Gradient of a soft sample',
    description: 'The backward pass of the draw with the same logits, temperature and seed.',
    value: { logits: [1, 0.5, -1], temperature: 0.5, seed: 42, cotangent: [1, 0, 0] },
  },
  straightThrough: {
    summary: 'Straight-through: a hard sample with the gradient of the soft one',
    description: 'Two samples of one row; their gradients are summed.',
    value: {
      logits: [1, 0.5, -1],
      hard: true,
      seed: 42,
      num_samples: 2,
      cotangent: [
        [1, 0, 0],
        [0, 1, 0],
      ],
    },
  },
  reinmax: {
    summary: 'ReinMax, for hard samples',
    description: 'Second-order accurate; it has no gradient for the temperature.',
    value: { logits: [1, 0.5, -1], hard: true, seed: 42, cotangent: [1, 0, 0], estimator: 'reinmax' },
  },
} as const;
