/**
 * The metrics of all processes as those of one service. Counts and sizes are summed, also those of processes that have
 * died, since a counter must not fall. What describes a process (its memory, CPU, event loop) is kept apart by the label
 * `process`: a mean of event-loop lags would hide the one that matters.
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

export class MergedMetrics {
  /** What processes that have ended had counted. */
  #past: MetricList = [];

  /** Adds what a process that has ended last told. */
  async addPast(values: MetricList): Promise<void> {
    const before = this.#past;
    this.#past = [];
    const merged = await AggregatorRegistry.aggregate([before, counted(values)]).getMetricsAsJSON();
    this.#past =
      this.#past.length === 0 ? merged : await AggregatorRegistry.aggregate([this.#past, merged]).getMetricsAsJSON();
  }

  /** The text of all of them; each process by what its label says. */
  text(processes: ReadonlyMap<string, MetricList>): Promise<string> {
    const lists = [...processes].map(([process, values]) => byProcess(values, process));
    return AggregatorRegistry.aggregate([...lists, this.#past]).metrics();
  }
}
