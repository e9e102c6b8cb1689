/**
 * The metrics of all processes as those of one service. Counts and sizes are summed, also those of processes that have
 * died, since a counter must not fall. What describes a process (its memory, CPU, event loop) is kept apart by the
 * label `process`: a mean of event-loop lags would hide the one that matters.
 */
import { AggregatorRegistry } from 'prom-client';
import type { MetricList } from '../observability/metrics.js';

/** prom-client's own metrics, but for the version, which is the same everywhere, and the histogram of collections. */
const ofOneProcess = /^(?:process_|nodejs_(?!version_info|gc_duration_seconds))/;

type Metric = MetricList[number];

function byProcess(values: MetricList, process: string): Metric[] {
  return values.map((metric) => {
    if (!ofOneProcess.test(metric.name)) return metric;
    const labelled = metric.values.map((value) => ({ ...value, labels: { ...value.labels, process } }));
    // No two have the same labels, so each is the first of its own.
    return { ...metric, values: labelled, aggregator: 'first' as const };
  });
}

/** Only what is counted outlives the process that counted it. */
function counted(values: MetricList): Metric[] {
  return values.filter(({ name, type }) => !ofOneProcess.test(name) && isCount(type));
}

/** In prom-client's types an enum of numbers, in its values a word. */
function isCount(type: unknown): boolean {
  return type === 'counter' || type === 'histogram';
}

/** So many lists of processes that have ended are kept before they become one. */
const pastListsMax = 8;

export class MergedMetrics {
  /** What processes that have ended had counted. */
  readonly #past: MetricList[] = [];
  #compacting = false;

  /** Adds what a process that has ended last told. */
  addPast(values: MetricList): void {
    this.#past.push(counted(values));
    if (this.#past.length > pastListsMax) void this.#compact();
  }

  /**
   * The text of all of them.
   *
   * @param processes the metrics of each process, and what its label says
   * @param leaving those of processes in whose place there is another: what they have counted still counts
   */
  text(processes: readonly (readonly [label: string, values: MetricList])[], leaving: readonly MetricList[] = []) {
    const lists = processes.map(([label, values]) => byProcess(values, label));
    return AggregatorRegistry.aggregate([...lists, ...leaving.map(counted), ...this.#past]).metrics();
  }

  async #compact(): Promise<void> {
    if (this.#compacting) return;
    this.#compacting = true;
    const lists = this.#past.length;
    const merged = await AggregatorRegistry.aggregate(this.#past.slice(0, lists)).getMetricsAsJSON();
    this.#past.splice(0, lists, merged);
    this.#compacting = false;
  }
}
