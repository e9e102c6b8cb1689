/** Worked examples of POST /v2/models/{model}/infer for the OpenAPI document; the tests send each of them to its model. */
export const inferExamples = {
  sample: {
    summary: 'gumbel_softmax: draw',
    description: 'Two rows, one with a masked category, under one seed. Replies with samples and indices.',
    value: {
      id: 'draw-1',
      parameters: { seed: 42, temperature: 0.5 },
      inputs: [
        {
          name: 'logits',
          shape: [2, 3],
          datatype: 'FP32',
          data: [
            [1, 0.5, -1],
            [0, null, 0],
          ],
        },
      ],
    },
  },
  tensors: {
    summary: 'gumbel_softmax: a temperature, a hard flag and a seed per row',
    description: 'Each row equals the one-row request with its seed.',
    value: {
      inputs: [
        { name: 'logits', shape: [2, 3], datatype: 'FP32', data: [1, 0.5, -1, 0, 2, 0] },
        { name: 'temperature', shape: [2], datatype: 'FP32', data: [0.5, 2] },
        { name: 'hard', shape: [2], datatype: 'BOOL', data: [false, true] },
        { name: 'seed', shape: [2], datatype: 'UINT64', data: [42, 43] },
      ],
      outputs: [{ name: 'samples' }, { name: 'indices' }, { name: 'log_prob' }],
    },
  },
  vjp: {
    summary: 'gumbel_softmax_vjp: backward pass of a draw',
    description: 'For the model gumbel_softmax_vjp. The seed replays the noise of the draw.',
    value: {
      parameters: { seed: '42', temperature: 0.5 },
      inputs: [
        { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] },
        { name: 'cotangent', shape: [1, 3], datatype: 'FP32', data: [1, 0, 0] },
      ],
    },
  },
} as const;
