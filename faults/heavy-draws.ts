/** The draws that cost most for what they say: each kind in a closed loop, beside small draws of another caller. */
import { beside, besideHeaders, besideRow, type Load } from './beside.js';
import { drawBytes, postBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';

const million = 1_000_000;

/** A gradient of one row, whose body fits JSON_BODY_BYTES_MAX. */
function gradientBytes(categories: number): Buffer {
  const zeros = Array(categories).fill(0);
  return postBytes('/sample/vjp', JSON.stringify({ logits: zeros, seed: 42, cotangent: zeros }));
}

function loads(): Load[] {
  return [
    {
      name: 'top_k = K = 1,000,000',
      bytes: drawBytes(million, { seed: 42, top_k: million, return: ['indices'] }),
      connections: 2,
    },
    {
      name: 'log_prob of 128 x 1,000,000',
      bytes: drawBytes(128, { seed: 42, num_samples: million, return: ['log_prob'] }),
      connections: 3,
    },
    {
      name: 'indices of 1024 x 131,072',
      bytes: drawBytes(1024, { seed: 42, num_samples: 131_072, return: ['indices'] }),
      connections: 16,
    },
    { name: 'vjp of 1 x 500,000', bytes: gradientBytes(500_000), connections: 2 },
    {
      name: 'log_samples of 1 x 500,000',
      bytes: drawBytes(500_000, { seed: 42, return: ['log_samples'] }),
      connections: 2,
    },
  ];
}

/** Nothing that is let in is given up: it would have been work for nobody. */
const allowed = { full: ['200', '413', '503'], short: ['200', '413', '503', '504'] } as const;

async function run(options: Options, checks: Checks): Promise<Figures> {
  const service = await Service.start();
  const rows: (string | number)[][] = [];
  for (const load of loads()) {
    // The first of its kind takes the worker's memory and compiles what it runs.
    const startMs = performance.now();
    await service.ask(load.bytes);
    const firstMs = performance.now() - startMs;
    const result = await beside(service, load, options, checks);
    // On a machine that others use too a draw may take longer than was to be expected.
    const statuses = options.full ? allowed.full : allowed.short;
    checks.that(
      `${load.name}: every reply was one of ${statuses.join(', ')}`,
      Object.keys(result.statuses).every((status) => (statuses as readonly string[]).includes(status)),
      result.statuses,
    );
    rows.push([...besideRow(result), firstMs]);
  }
  checks.equal('it still ran and ended with 0', await service.stop(), [0, null]);
  return {
    method:
      'Each draw in a closed loop, whose clients ask again at once whatever they are told, beside another caller with a 1x10 draw every 50 ms. ' +
      '413 is too-much-work: a draw that one idle worker could not finish within DEADLINE_MS. The first of each kind is drawn before, alone: it takes ' +
      "memory and compiles what it runs, and whoever waits behind it waits that long once in a worker's life.",
    tables: [{ headers: [...besideHeaders, 'first one ms'], rows }],
  };
}

export const heavyDrawsScenario: Scenario = {
  name: 'heavy-draws',
  title: 'The heaviest draws beside small ones',
  run,
};
