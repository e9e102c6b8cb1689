/** The members of a reply that repeat the parameters of the draw. */

import { EntryList } from '../json/entry-list.js';
import type { Member } from '../json/print-body.js';
import type { Sampler } from '../sampler/sampler.js';
import type { Draw } from '../schemas/draw.js';
import type { Temperature } from '../schemas/temperature.js';

export function drawMembers({ seed, temperature, hardGiven }: Draw, { noiseVersion, provider }: Sampler): Member[] {
  return [
    givenMember('seed', seed.given),
    temperatureMember(temperature),
    givenMember('hard', hardGiven),
    { name: 'noise_version', value: noiseVersion },
    { name: 'provider', value: provider },
  ];
}

function givenMember(name: string, given: EntryList | string | number | boolean): Member {
  return given instanceof EntryList ? { name, list: given } : { name, value: given };
}

export function temperatureMember({ values, shape }: Temperature): Member {
  return { name: 'temperature', numbers: values, shape };
}
