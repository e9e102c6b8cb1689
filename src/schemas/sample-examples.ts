/** Worked examples of POST /sample for the OpenAPI document; the tests send each of them and compare the reply. */
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
  variables: {
    summary: 'Logits of any rank: two examples of two variables each, hard or soft one by one',
    description: 'Leading axes come back. Rows are numbered row-major: the last one here is row 3.',
    value: {
      logits: [
        [
          [1, 0.5, -1],
          [0, 2, 0],
        ],
        [
          [0.1, 0.2, 0.3],
          [0, null, 1],
        ],
      ],
      temperature: [
        [0.5, 1],
        [0.5, 1],
      ],
      hard: [
        [false, true],
        [true, false],
      ],
      seed: 42,
    },
  },
  axes: {
    summary: 'Four axes, with lists for their rows',
    description: 'A list with an entry for each row may be flat, too.',
    value: {
      logits: [[[[1, 0.5]], [[0, 2]]]],
      hard: [true, false],
      seed: 42,
      return: ['samples', 'indices', 'log_prob'],
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
  given: {
    summary: 'Noise given which category wins',
    description: 'The conditioned twin of the draw with the same seed: the noise that makes these categories win.',
    value: {
      logits: [
        [1, 0.5, -1],
        [0, null, 0],
      ],
      given_indices: [1, 2],
      seed: 42,
      return: ['samples', 'indices', 'noise'],
    },
  },
  logProbabilities: {
    summary: 'The probability of what was drawn, and weights without replacement',
    description:
      'index_log_prob is what a policy gradient needs. With w = exp(phi) / (1 - exp(-exp(phi - top_threshold))), phi the log-softmax, the sum of w f over top_indices is an unbiased estimate of the mean of f.',
    value: {
      logits: [1, 0.5, -1, null, 0],
      seed: 42,
      top_k: 2,
      return: ['indices', 'index_log_prob', 'top_scores', 'top_threshold', 'top_log_prob'],
    },
  },
  softmax: {
    summary: 'Plain softmax with temperature',
    description: 'noise: "none" leaves the noise out. It always answers the same: this is not a sample.',
    value: { logits: [1, 0.5, -1], temperature: 0.5, noise: 'none' },
  },
} as const;

/** The replies to the examples of the same names. */
export const sampleReplyExamples = {
  soft: {
    summary: 'One soft sample',
    value: {
      samples: [0.21355721, 0.17710482, 0.609338],
      indices: 2,
      seed: 42,
      temperature: 0.5,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  hard: {
    summary: 'Hard samples of two rows',
    value: {
      samples: [
        [0, 1, 0],
        [0, 0, 1],
      ],
      indices: [1, 2],
      seed: '18446744073709551615',
      temperature: 1,
      hard: true,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  perRow: {
    summary: 'A temperature and a seed per row',
    value: {
      samples: [
        [2.0979209e-13, 3.8421435e-9, 1],
        [0.32340014, 0.34977776, 0.3268221],
      ],
      indices: [2, 1],
      seed: [1, 2],
      temperature: [0.1, 10],
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  variables: {
    summary: 'Two examples of two variables each',
    value: {
      samples: [
        [
          [0.21355721, 0.17710482, 0.609338],
          [1, 0, 0],
        ],
        [
          [0, 0, 1],
          [0.9198688, 0, 0.08013114],
        ],
      ],
      indices: [
        [2, 0],
        [2, 0],
      ],
      seed: 42,
      temperature: [
        [0.5, 1],
        [0.5, 1],
      ],
      hard: [
        [false, true],
        [true, false],
      ],
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  axes: {
    summary: 'Four axes, with lists for their rows',
    value: {
      samples: [[[[1, 0]], [[0.64370495, 0.35629505]]]],
      indices: [[[0], [0]]],
      log_prob: [[[-0.03882426474061962], [-1.2634423560672758]]],
      seed: 42,
      temperature: 1,
      hard: [true, false],
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  replay: {
    summary: 'Samples 5 to 9 of a larger draw, with their noise',
    value: {
      samples: [
        [0.1178636, 0.8821364],
        [0.27366823, 0.7263318],
        [0.6147199, 0.3852801],
        [0.035750624, 0.9642494],
        [0.028197262, 0.9718027],
      ],
      indices: [1, 1, 0, 1, 1],
      noise: [
        [-1.3758652, -0.36304674],
        [-0.089589715, -0.1134993],
        [0.1025907, -1.3646054],
        [-0.68517035, 1.6096117],
        [-0.16215667, 2.3777711],
      ],
      seed: 3,
      temperature: 1,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  topK: {
    summary: 'Two categories without replacement, with the log-density',
    value: {
      samples: [0.25571966, 0.2253737, 0.5189066],
      indices: 2,
      top_indices: [2, 0],
      log_prob: -1.0000472934285656,
      seed: 42,
      temperature: 0.7408182,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  given: {
    summary: 'Noise given which category wins',
    value: {
      samples: [
        [0.1657272, 0.59915215, 0.23512068],
        [0.48156238, 0, 0.5184376],
      ],
      indices: [1, 2],
      noise: [
        [-0.2716895, 1.5134829, 2.0780663],
        [1.9509735, 2.002771, 2.0247574],
      ],
      seed: 42,
      temperature: 1,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
  logProbabilities: {
    summary: 'The probability of what was drawn, and weights without replacement',
    value: {
      indices: 2,
      top_indices: [2, 0],
      index_log_prob: -2.746567269173791,
      top_scores: [-0.1702256401454707, -0.6944598121022484],
      top_threshold: -0.7880413134967585,
      top_log_prob: -3.4268369398155256,
      seed: 42,
      temperature: 1,
      hard: false,
      noise_version: 'philox4x32-10/1',
      provider: 'cpu',
    },
  },
} as const;
