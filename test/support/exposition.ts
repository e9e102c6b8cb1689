/**
 * Reads the text exposition format of Prometheus as a scraper does: every line is a comment or a sample, and samples
 * have a type.
 */
interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  /** Metric families by name, with their type. */
  readonly types: ReadonlyMap<string, string>;
  /** The value of the one sample with this name and at least these labels; undefined where there is none. */
  readonly value: (name: string, labels?: Readonly<Record<string, string>>) => number | undefined;
  /** Every value that a label has in a family. */
  readonly labelValues: (name: string, label: string) => ReadonlySet<string>;
  /** Samples whose name begins so. */
  readonly seriesCount: (prefix: string) => number;
}

const sampleLine = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const labelPair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"/g;

export function readExposition(text: string): Exposition {
  const types = new Map<string, string>();
  const samples = new Map<string, Sample[]>();
  for (const line of text.split('\n')) {
    const type = /^# TYPE (\S+) (counter|gauge|histogram|summary)$/.exec(line);
    if (type) types.set(type[1], type[2]);
    if (line === '' || line.startsWith('#')) continue;
    const [, name, pairs = '', value] = sampleLine.exec(line) ?? [];
    if (name === undefined) throw new Error(`This is no line of the exposition format: ${line}`);
    const family = name.replace(/_(bucket|sum|count)$/, '');
    if (!types.has(name) && !types.has(family)) throw new Error(`${name} has no type.`);
    const labels = Object.fromEntries([...pairs.matchAll(labelPair)].map(([, key, text]) => [key, text]));
    samples.set(name, [...(samples.get(name) ?? []), { labels, value: Number(value) }]);
  }
  return {
    types,
    value: (name, labels = {}) => {
      const fitting = (samples.get(name) ?? []).filter((sample) =>
        Object.entries(labels).every(([key, text]) => sample.labels[key] === text),
      );
      if (fitting.length > 1) throw new Error(`${fitting.length} samples of ${name} have these labels.`);
      return fitting[0]?.value;
    },
    labelValues: (name, label) => new Set((samples.get(name) ?? []).map(({ labels }) => labels[label] ?? '')),
    seriesCount: (prefix) =>
      [...samples].reduce((sum, [name, all]) => sum + (name.startsWith(prefix) ? all.length : 0), 0),
  };
}
