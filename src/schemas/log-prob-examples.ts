/** Worked examples of POST /log-prob for the OpenAPI document; the tests send each of them and compare the reply. */
export const logProbExamples = {
  samples: {
    summary: 'Log-density of a soft sample',
    value: { logits: [1, 0.5, -1], temperature: 0.5, samples: [0.25, 0.5, 0.25] },
  },
  logSamples: {
    summary: 'From its logarithm, with a masked category',
    value: { logits: [1, null, -1], temperature: 0.01, log_samples: [-1e-9, null, -20.7] },
  },
  manySamples: {
    summary: 'Two samples of one row',
    description: 'An axis of samples stands in front, as in the reply of a draw with num_samples.',
    value: {
      logits: [1, 0.5, -1],
      temperature: 0.5,
      samples: [
        [0.25, 0.5, 0.25],
        [0.5, 0.25, 0.25],
      ],
    },
  },
  indices: {
    summary: 'Log-probability of a category of each row',
    description: 'log softmax(logits) at the indices; null where masked. No temperature: it changes nothing here.',
    value: {
      logits: [
        [1, 0.5, -1],
        [0, null, 0],
      ],
      indices: [2, 1],
    },
  },
  topIndices: {
    summary: 'Log-probability of an order without replacement',
    description: 'That category 2 is drawn first, and category 0 of those that are left.',
    value: { logits: [1, 0.5, -1], top_indices: [2, 0] },
  },
} as const;

/** The replies to the examples of the same names. */
export const logProbReplyExamples = {
  samples: {
    summary: 'Log-density of a soft sample',
    value: { log_prob: -1.4161414388462519, temperature: 0.5 },
  },
  logSamples: {
    summary: 'From its logarithm, with a masked category',
    value: { log_prob: 13.993883447063869, temperature: 0.01 },
  },
  manySamples: {
    summary: 'Two samples of one row',
    value: { log_prob: [-1.4161414388462519, -1.1865493857557672], temperature: 0.5 },
  },
  indices: {
    summary: 'Log-probability of a category of each row',
    value: { log_prob: [-2.554956919641991, null] },
  },
  topIndices: {
    summary: 'Log-probability of an order without replacement',
    value: { log_prob: -3.0290339038220973 },
  },
} as const;
