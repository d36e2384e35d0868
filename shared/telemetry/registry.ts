import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Buckets } from "./buckets.ts";
import type { MetricDefinition } from "./definition.ts";
import { LATENCY_BUCKETS_SECONDS } from "./metrics.ts";

/** One value of a metric, with the values of its labels in the order of its definition. */
export interface Sample {
  readonly labels: readonly string[];
  readonly value: number;
}

/**
 * Shows numbers that are counted elsewhere: read at each scrape, so that there is one place where a thing is counted and
 * the hot path pays for a plain addition.
 */
export function exposeSamples(registry: Registry, definition: MetricDefinition, read: () => Iterable<Sample>): void {
  const { name, help, labels } = definition;
  const named = (values: readonly string[]) => Object.fromEntries(labels.map((label, i) => [label, values[i] ?? ""]));
  const common = { name, help, labelNames: [...labels], registers: [registry] };
  if (definition.type === "counter") {
    new Counter({
      ...common,
      collect() {
        this.reset();
        for (const sample of read()) this.inc(named(sample.labels), sample.value);
      },
    });
    return;
  }
  new Gauge({
    ...common,
    collect() {
      this.reset();
      for (const sample of read()) this.set(named(sample.labels), sample.value);
    },
  });
}

/** A latency histogram; its observations are made where the latency is known. */
export function exposeLatency(registry: Registry, definition: MetricDefinition): Histogram {
  return exposeHistogram(registry, definition, LATENCY_BUCKETS_SECONDS);
}

/** A histogram with these upper bounds, ascending. */
export function exposeHistogram(
  registry: Registry,
  { name, help, labels }: MetricDefinition,
  bounds: readonly number[],
): Histogram {
  return new Histogram({ name, help, labelNames: [...labels], buckets: [...bounds], registers: [registry] });
}

/** Observes into a histogram of one label; labels are resolved once for each value, not for each observation. */
export function observerOf(histogram: Histogram): (label: string, seconds: number) => void {
  const known = new Map<string, Histogram.Internal<string>>();
  return (label, seconds) => {
    const found = known.get(label) ?? histogram.labels(label);
    known.set(label, found);
    found.observe(seconds);
  };
}

/** What a histogram has counted so far, over all its labels, or for these values of them. */
export async function bucketsOf(histogram: Histogram, only: Readonly<Record<string, string>> = {}): Promise<Buckets> {
  const counts = new Map<number, number>();
  for (const { metricName, labels, value } of (await histogram.get()).values) {
    if (metricName?.endsWith("_bucket") !== true || labels.le === undefined) continue;
    if (Object.entries(only).some(([label, wanted]) => String(labels[label]) !== wanted)) continue;
    const bound = Number(labels.le === "+Inf" ? Number.POSITIVE_INFINITY : labels.le);
    counts.set(bound, (counts.get(bound) ?? 0) + value);
  }
  return counts;
}
