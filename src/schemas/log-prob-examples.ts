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
} as const;
