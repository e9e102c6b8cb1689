/** What each view asks of the service: from the reader's state to a path and a body. Sends nothing. */
import { type State, stripLength } from './state.js';

export interface ServiceRequest {
  /** Relative to the page, so that the page works below any prefix. */
  readonly path: 'sample' | 'sample/vjp' | 'log-prob';
  readonly body: object;
}

/** Draws on the triangle. */
const pointsOnTriangle = 500;

/** Gradients at each temperature: rows of one request, each with noise of its own. */
export const gradientRows = 512;

/** Inner draws of each gradient by gumbel_rao. */
export const raoSamples = 10;

/** Where gradients are looked at, beside the reader's own temperature. */
export const gradientTemperatures: readonly number[] = [5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02];

/** JSON numbers lose digits above 2^53 - 1, so a larger seed goes as a string. */
function seedOf(seed: string): number | string {
  return BigInt(seed) <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(seed) : seed;
}

export function softmaxRequest({ logits, temperature }: State): ServiceRequest {
  return { path: 'sample', body: { logits, temperature, noise: 'none', return: ['samples'] } };
}

/** softmax(logits): what the frequencies should be. */
export function probabilitiesRequest({ logits }: State): ServiceRequest {
  return { path: 'sample', body: { logits, temperature: 1, noise: 'none', return: ['samples'] } };
}

/** With the noise, for verification.ts. */
export function stripRequest({ logits, temperature, hard, seed, first }: State): ServiceRequest {
  const draw = { logits, temperature, hard, seed: seedOf(seed), num_samples: stripLength, sample_offset: first };
  return { path: 'sample', body: { ...draw, return: ['samples', 'indices', 'noise'] } };
}

/** One sample of the strip, by its number. */
export function replayRequest({ logits, temperature, hard, seed, sample }: State): ServiceRequest {
  return { path: 'sample', body: { logits, temperature, hard, seed: seedOf(seed), sample_offset: sample } };
}

/** Which category wins does not depend on the temperature, so none is sent. */
export function countRequest({ logits, seed, draws }: State): ServiceRequest {
  return { path: 'sample', body: { logits, seed: seedOf(seed), num_samples: draws, return: ['indices'] } };
}

export function triangleRequest({ logits, temperature, hard, seed }: State): ServiceRequest {
  const body = { logits, temperature, hard, seed: seedOf(seed), num_samples: pointsOnTriangle, return: ['samples'] };
  return { path: 'sample', body };
}

export function densityRequest({ logits, temperature }: State, samples: readonly number[][]): ServiceRequest {
  return { path: 'log-prob', body: { logits: samples.map(() => logits), temperature, samples } };
}

/** Rows, not samples: gradients are summed over samples, and their variance is what is looked for. */
export function gradientRequest({ logits, hard, estimator, seed }: State, temperature: number): ServiceRequest {
  const cotangent = logits.map((_, k) => (k === 0 ? 1 : 0));
  const rows = <Row>(row: Row) => Array.from({ length: gradientRows }, () => row);
  const isBorrowed = estimator === 'straight_through';
  const draw = { logits: rows(logits), temperature, hard: hard || !isBorrowed, seed: seedOf(seed) };
  const inner = estimator === 'gumbel_rao' ? { rao_samples: raoSamples } : {};
  const own = isBorrowed ? {} : { estimator, ...inner };
  return { path: 'sample/vjp', body: { ...draw, cotangent: rows(cotangent), ...own } };
}

/** The temperature of Jang et al. 2016, section 4.2, at a training step. */
export function annealingRequest({ logits, seed }: State, step: number): ServiceRequest {
  const temperature = { schedule: 'exponential', initial: 1, minimum: 0.5, rate: 1e-4, step };
  return { path: 'sample', body: { logits, temperature, seed: seedOf(seed), return: ['indices'] } };
}
