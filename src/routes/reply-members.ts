/** The members of a reply that repeat the parameters of the draw. */
import type { Member } from '../json/print-body.js';
import { SeedList } from '../json/seed-list.js';
import type { Sampler } from '../sampler/sampler.js';
import type { Draw } from '../schemas/draw.js';
import type { Temperature } from '../schemas/temperature.js';

export function drawMembers({ seed, temperature, hard }: Draw, { noiseVersion, provider }: Sampler): Member[] {
  return [
    seedMember(seed),
    temperatureMember(temperature),
    { name: 'hard', value: hard },
    { name: 'noise_version', value: noiseVersion },
    { name: 'provider', value: provider },
  ];
}

function seedMember({ given }: Draw['seed']): Member {
  return given instanceof SeedList ? { name: 'seed', seeds: given } : { name: 'seed', value: given };
}

export function temperatureMember({ perRow, values }: Temperature): Member {
  return { name: 'temperature', numbers: values, shape: perRow ? [values.length] : [] };
}
