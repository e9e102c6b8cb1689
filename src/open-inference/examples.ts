import type { ModelName } from './models.js';

/**
 * Examples of POST /v2/models/{model}/infer for the OpenAPI document, by model. The tests send each request and compare
 * the reply.
 */
const sampleExamples = {
  sample: {
    summary: 'Draw',
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
    summary: 'A temperature, a hard flag and a seed per row',
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
  given: {
    summary: 'Noise given which category wins',
    description: 'One index per row of logits.',
    value: {
      parameters: { seed: 42 },
      inputs: [
        { name: 'logits', shape: [2, 3], datatype: 'FP32', data: [1, 0.5, -1, 0, 2, 0] },
        { name: 'given_indices', shape: [2], datatype: 'INT64', data: [1, 2] },
      ],
    },
  },
} as const;

const vjpExamples = {
  vjp: {
    summary: 'Backward pass of a draw',
    description: 'The seed replays the noise of the draw.',
    value: {
      parameters: { seed: '42', temperature: 0.5 },
      inputs: [
        { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] },
        { name: 'cotangent', shape: [1, 3], datatype: 'FP32', data: [1, 0, 0] },
      ],
    },
  },
  gumbelRao: {
    summary: 'Gumbel-Rao, for hard samples',
    description: 'The mean of straight-through over 100 inner draws with the index of the draw.',
    value: {
      parameters: { seed: 42, hard: true, estimator: 'gumbel_rao', rao_samples: 100 },
      inputs: [
        { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] },
        { name: 'cotangent', shape: [1, 3], datatype: 'FP32', data: [1, 0, 0] },
      ],
    },
  },
} as const;

const logProbExamples = {
  samples: {
    summary: 'Log-density of relaxed samples',
    description: 'Two samples of one row: an axis of samples stands in front.',
    value: {
      parameters: { temperature: 0.5 },
      inputs: [
        { name: 'logits', shape: [1, 3], datatype: 'FP32', data: [1, 0.5, -1] },
        { name: 'samples', shape: [2, 1, 3], datatype: 'FP32', data: [0.25, 0.5, 0.25, 0.5, 0.25, 0.25] },
      ],
    },
  },
  indices: {
    summary: 'Log-probability of indices',
    description: 'log softmax(logits) at one category of each row; null where it is masked.',
    value: {
      inputs: [
        { name: 'logits', shape: [2, 3], datatype: 'FP32', data: [1, 0.5, -1, 0, null, 0] },
        { name: 'indices', shape: [2], datatype: 'INT64', data: [2, 1] },
      ],
    },
  },
} as const;

const sampleReplies = {
  sample: {
    summary: 'Draw',
    value: {
      model_name: 'gumbel_softmax',
      model_version: '1',
      id: 'draw-1',
      parameters: { seed: '42', noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        {
          name: 'samples',
          datatype: 'FP32',
          shape: [2, 3],
          data: [0.21355721, 0.17710482, 0.609338, 0.9985362, 0, 0.0014637572],
        },
        { name: 'indices', datatype: 'INT64', shape: [2], data: [2, 0] },
      ],
    },
  },
  tensors: {
    summary: 'A temperature, a hard flag and a seed per row',
    value: {
      model_name: 'gumbel_softmax',
      model_version: '1',
      parameters: { noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        { name: 'samples', datatype: 'FP32', shape: [2, 3], data: [0.21355721, 0.17710482, 0.609338, 0, 1, 0] },
        { name: 'indices', datatype: 'INT64', shape: [2], data: [2, 1] },
        { name: 'log_prob', datatype: 'FP64', shape: [2], data: [-1.5257954373036178, 1.6591047469485511] },
      ],
    },
  },
  given: {
    summary: 'Noise given which category wins',
    value: {
      model_name: 'gumbel_softmax',
      model_version: '1',
      parameters: { seed: '42', noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        {
          name: 'samples',
          datatype: 'FP32',
          shape: [2, 3],
          data: [0.1657272, 0.59915215, 0.23512068, 0.31410217, 0.25888222, 0.4270156],
        },
        { name: 'indices', datatype: 'INT64', shape: [2], data: [1, 2] },
      ],
    },
  },
} as const;
const vjpReplies = {
  vjp: {
    summary: 'Backward pass of a draw',
    value: {
      model_name: 'gumbel_softmax_vjp',
      model_version: '1',
      parameters: { seed: '42', noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        { name: 'grad_logits', datatype: 'FP32', shape: [1, 3], data: [0.33590105, -0.075644016, -0.26025704] },
        { name: 'grad_temperature', datatype: 'FP32', shape: [1], data: [0.2587135] },
      ],
    },
  },
  gumbelRao: {
    summary: 'Gumbel-Rao',
    value: {
      model_name: 'gumbel_softmax_vjp',
      model_version: '1',
      parameters: { seed: '42', noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        { name: 'grad_logits', datatype: 'FP32', shape: [1, 3], data: [0.14637649, -0.031924378, -0.114452116] },
      ],
    },
  },
} as const;

const logProbReplies = {
  samples: {
    summary: 'Log-density of relaxed samples',
    value: {
      model_name: 'gumbel_softmax_log_prob',
      model_version: '1',
      parameters: { noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [
        { name: 'log_prob', datatype: 'FP64', shape: [2, 1], data: [-1.4161414388462519, -1.1865493857557672] },
      ],
    },
  },
  indices: {
    summary: 'Log-probability of indices',
    value: {
      model_name: 'gumbel_softmax_log_prob',
      model_version: '1',
      parameters: { noise_version: 'philox4x32-10/1', provider: 'cpu' },
      outputs: [{ name: 'log_prob', datatype: 'FP64', shape: [2], data: [-2.554956919641991, null] }],
    },
  },
} as const;

interface ModelExamples {
  readonly requests: Readonly<Record<string, object>>;
  /** The reply to the request of the same name. */
  readonly replies: Readonly<Record<string, object>>;
}

export const inferExamples: Readonly<Record<ModelName, ModelExamples>> = {
  gumbel_softmax: { requests: sampleExamples, replies: sampleReplies },
  gumbel_softmax_vjp: { requests: vjpExamples, replies: vjpReplies },
  gumbel_softmax_log_prob: { requests: logProbExamples, replies: logProbReplies },
};
