/**
 * One client with many connections and draws as large as they may be, which never waits, beside another with small
 * draws; with keys and without.
 */
import { type BesideResult, beside, besideHeaders, besideRow, type Load } from './beside.js';
import { type Keys, writeKeys } from './keys.js';
import { drawBytes } from './requests.js';
import type { Checks, Figures, Options, Scenario } from './scenario.js';
import { Service } from './service.js';

/** Two million elements: two to forty million units, which an eighth of the queue cannot hold. */
function greedyBytes(output: string, headers: Readonly<Record<string, string>>): Buffer {
  return drawBytes(128, { num_samples: 16_384, seed: 42, return: [output] }, headers);
}

function loadsOf(full: boolean, keys: Keys | undefined): Load[] {
  const headers = keys?.headersOf('greedy') ?? {};
  const counts = full ? [12, 24] : [24];
  return ['indices', 'log_prob'].flatMap((output) =>
    counts.map((connections) => ({
      name: `${output}, keys ${keys ? 'on' : 'off'}`,
      bytes: greedyBytes(output, headers),
      connections,
    })),
  );
}

async function runWith(keys: Keys | undefined, options: Options, checks: Checks): Promise<BesideResult[]> {
  const service = await Service.start({ environment: keys?.environment ?? {} });
  const results: BesideResult[] = [];
  for (const load of loadsOf(options.full, keys)) {
    const result = await beside(service, load, options, checks, keys?.headersOf('other'));
    checks.that(
      `${load.name}: the greedy client got draws done too`,
      (result.statuses['200'] ?? 0) > 0,
      result.statuses,
    );
    results.push(result);
  }
  checks.equal(`keys ${keys ? 'on' : 'off'}: it still ran and ended with 0`, await service.stop(), [0, null]);
  return results;
}

async function run(options: Options, checks: Checks): Promise<Figures> {
  const keys = writeKeys('greedy', 'other');
  const results = [...(await runWith(undefined, options, checks)), ...(await runWith(keys, options, checks))];
  keys.remove();
  return {
    method:
      'One client asks for 128 logits x num_samples 16384 in a closed loop and does not wait when it is told to. Beside it another caller asks for a 1x10 draw ' +
      'every 50 ms. Latencies count from the time of its schedule. Without keys a connection is a caller, with them a key is.',
    tables: [{ headers: [...besideHeaders], rows: results.map(besideRow) }],
  };
}

export const greedyClientScenario: Scenario = {
  name: 'greedy-client',
  title: 'A greedy client beside small draws',
  run,
};
