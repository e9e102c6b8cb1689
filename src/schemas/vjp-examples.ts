/** Worked examples of POST /sample/vjp for the OpenAPI document; the tests send each of them and compare the reply. */
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
  softmax: {
    summary: 'Straight-through without noise, for hard samples',
    description: 'The gradient of softmax(logits / temperature), whatever was drawn. The seed replays nothing.',
    value: { logits: [1, 0.5, -1], hard: true, seed: 42, cotangent: [1, 0, 0], estimator: 'softmax' },
  },
  gumbelRao: {
    summary: 'Gumbel-Rao, for hard samples',
    description: 'The mean of straight-through over 100 inner draws with the index of the draw: less variance.',
    value: {
      logits: [1, 0.5, -1],
      temperature: 0.5,
      hard: true,
      seed: 42,
      cotangent: [1, 0, 0],
      estimator: 'gumbel_rao',
      rao_samples: 100,
    },
  },
} as const;

/** The replies to the examples of the same names. */
export const vjpReplyExamples = {
  soft: {
    summary: 'Gradient of a soft sample',
    value: {
      grad_logits: [0.33590105, -0.075644016, -0.26025704],
      grad_temperature: 0.2587135,
      estimator: 'straight_through',
      seed: 42,
      temperature: 0.5,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  straightThrough: {
    summary: 'Gradient of hard samples, summed over two',
    value: {
      grad_logits: [0.07477588, 0.080464885, -0.15524077],
      grad_temperature: 0.21779187,
      estimator: 'straight_through',
      seed: 42,
      temperature: 1,
      hard: true,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  reinmax: {
    summary: 'ReinMax, without grad_temperature',
    value: {
      grad_logits: [0.2870485, 0, -0.2870485],
      estimator: 'reinmax',
      seed: 42,
      temperature: 1,
      hard: true,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  softmax: {
    summary: 'Straight-through without noise',
    value: {
      grad_logits: [0.24450964, -0.19990484, -0.044604797],
      estimator: 'softmax',
      seed: 42,
      temperature: 1,
      hard: true,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  gumbelRao: {
    summary: 'Gumbel-Rao',
    value: {
      grad_logits: [0.1937487, -0.027787812, -0.16596088],
      estimator: 'gumbel_rao',
      seed: 42,
      temperature: 0.5,
      hard: true,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
} as const;
