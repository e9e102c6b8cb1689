/**
 * How the limits of the service are split over its processes. Every other option holds for each process as it stands:
 * it limits one request, one connection or one worker (docs/configuration.md has the table).
 */
import type { Config } from '../config.js';

/** Of the memory for requests, this much is for those that hold more than a little (http/memory-budget.ts). */
const largeShare = 7 / 8;

/** Bytes of text become at most so many bytes of numbers, beside the text itself. */
const jsonBytesFactor = 3.5;

/** A log-density is a float64. */
const elementBytesMax = 8;

/** The workers of process `index` of `processes`, which get as many as each other, or one more. */
export function workersOf({ workers, processes }: Config, index: number): number {
  return Math.max(1, Math.floor(workers / processes) + (index < workers % processes ? 1 : 0));
}

/** Workers of all processes together: at least one each. */
export function workersOfAll(config: Config): number {
  return Math.max(config.workers, config.processes);
}

/** The memory for requests of each process: never less than the largest body and its result need. */
function requestBytes(config: Config): number {
  const json = jsonBytesFactor * config.jsonBodyBytesMax + elementBytesMax * config.elementsReturnedMax;
  const binary = config.binaryBodyBytesMax + elementBytesMax * config.binaryElementsReturnedMax;
  const least = Math.min(Math.ceil(Math.max(json, binary) / largeShare), config.bodyBytesInFlightMax);
  return Math.max(least, Math.ceil(config.bodyBytesInFlightMax / config.processes));
}

/** The environment of process `index`, on top of the primary's own. */
export function splitLimits(config: Config, index: number): Record<string, string> {
  const { processes, connectionsMax, queueRequestsMax } = config;
  return {
    PROCESSES: String(processes),
    WORKERS: String(workersOf(config, index)),
    CONNECTIONS_MAX: String(Math.ceil(connectionsMax / processes)),
    QUEUE_REQUESTS_MAX: String(Math.ceil(queueRequestsMax / processes)),
    BODY_BYTES_IN_FLIGHT_MAX: String(requestBytes(config)),
  };
}
