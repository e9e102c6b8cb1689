/** Worked examples of POST /sample for the OpenAPI document; the tests send each of them. */
export const sampleExamples = {
  soft: {
    summary: 'One soft sample',
    description: 'A point on the simplex. Send it again: the same seed gives the same sample, bit for bit.',
    value: { logits: [1, 0.5, -1], temperature: 0.5, seed: 42 },
  },
  hard: {
    summary: 'Hard samples of two rows',
    description: 'One-hot samples; how often each category wins follows softmax(logits). null masks a category.',
    value: {
      logits: [
        [2, 1, 0.1],
        [0, null, 0],
      ],
      hard: true,
      seed: '18446744073709551615',
    },
  },
  indices: {
    summary: 'A thousand draws, indices only',
    description: 'Which category wins each time: here about 70 % are 0 and 30 % are 1.',
    value: { logits: [-0.35667494, -1.2039728], num_samples: 1000, seed: 7, return: ['indices'] },
  },
  perRow: {
    summary: 'A temperature and a seed per row',
    description: 'Each row equals the one-row request with its seed.',
    value: {
      logits: [
        [1, 2, 3],
        [1, 2, 3],
      ],
      temperature: [0.1, 10],
      seed: [1, 2],
    },
  },
  replay: {
    summary: 'Samples 5 to 9 of a larger draw, with their noise',
    description: 'sample_offset continues or replays part of a draw; noise lets you compute the gradient yourself.',
    value: { logits: [0, 1], seed: 3, num_samples: 5, sample_offset: 5, return: ['samples', 'indices', 'noise'] },
  },
  topK: {
    summary: 'Two categories without replacement, with the log-density',
    description:
      'Gumbel-top-k: the first of top_indices is the index. A schedule gives the temperature of a training step.',
    value: {
      logits: [1, 0.5, -1],
      temperature: { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 0.0001, step: 3000 },
      seed: 42,
      top_k: 2,
      return: ['samples', 'indices', 'log_prob'],
    },
  },
  softmax: {
    summary: 'Plain softmax with temperature',
    description: 'noise: "none" leaves the noise out. It always answers the same: this is not a sample.',
    value: { logits: [1, 0.5, -1], temperature: 0.5, noise: 'none' },
  },
} as const;
