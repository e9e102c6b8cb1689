/**
 * Splits the limits of the service over its processes. The other options limit one request, one connection or one
 * worker, so they are the same in each process (docs/configuration.md has the table).
 */
import type { Config } from '../config.js';

/** The share of the memory that large requests may use (http/memory-budget.ts). */
const largeShare = 7 / 8;

/** Bytes that a JSON body takes with the numbers read from it, for each byte of its text (docs/operations.md). */
const jsonBytesFactor = 3.5;

/** A log-density is a float64. */
const elementBytesMax = 8;

/** Workers of the process with this index. If they cannot be split evenly, the first processes have one more. */
export function workersOf({ workers, processes }: Config, index: number): number {
  return Math.max(1, Math.floor(workers / processes) + (index < workers % processes ? 1 : 0));
}

/** Workers of all processes together. Each process has at least one. */
export function workersOfAll(config: Config): number {
  return Math.max(config.workers, config.processes);
}

/** BODY_BYTES_IN_FLIGHT_MAX of each process. It is enough for the largest body and its result. */
function requestBytes(config: Config): number {
  const json = jsonBytesFactor * config.jsonBodyBytesMax + elementBytesMax * config.elementsReturnedMax;
  const binary = config.binaryBodyBytesMax + elementBytesMax * config.binaryElementsReturnedMax;
  const least = Math.min(Math.ceil(Math.max(json, binary) / largeShare), config.bodyBytesInFlightMax);
  return Math.max(least, Math.ceil(config.bodyBytesInFlightMax / config.processes));
}

/** Environment variables of the process with this index, in addition to those of the primary. */
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
