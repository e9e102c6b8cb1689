/**
 * Merges the metrics of all processes. Counters, histograms and gauges are summed. Counters and histograms of dead
 * processes stay in the sum, because a counter must not fall. Metrics of a process, such as memory, CPU and event-loop
 * lag, get a label `process` instead: a mean of event-loop lags would hide the largest one.
 */
import { AggregatorRegistry } from 'prom-client';
import type { MetricList } from '../observability/metrics.js';

/** prom-client's default metrics, without the version and the histogram of garbage collections. */
const ofOneProcess = /^(?:process_|nodejs_(?!version_info|gc_duration_seconds))/;

type Metric = MetricList[number];

function byProcess(values: MetricList, process: string): Metric[] {
  return values.map((metric) => {
    if (!ofOneProcess.test(metric.name)) return metric;
    const labelled = metric.values.map((value) => ({ ...value, labels: { ...value.labels, process } }));
    // With this label every series is unique, so `first` copies it.
    return { ...metric, values: labelled, aggregator: 'first' as const };
  });
}

/** The metrics that stay in the sum when their process has died. */
function counted(values: MetricList): Metric[] {
  return values.filter(({ name, type }) => !ofOneProcess.test(name) && isCount(type));
}

/** `type` is an enum of numbers in prom-client's types, but a word in its values. */
function isCount(type: unknown): boolean {
  return type === 'counter' || type === 'histogram';
}

/** The values of dead processes are merged into one list when there are more lists than this. */
const pastListsMax = 8;

export class MergedMetrics {
  /** What processes that have ended had counted. */
  readonly #past: MetricList[] = [];
  #compacting = false;

  /** Adds the last values of a process that has died. */
  addPast(values: MetricList): void {
    this.#past.push(counted(values));
    if (this.#past.length > pastListsMax) void this.#compact();
  }

  /**
   * The text of /metrics.
   *
   * @param processes the value of the label `process`, and the metrics
   * @param leaving the metrics of processes that are being replaced: their counters stay in the sum
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
