/** What a metric is called and means: docs/metrics.md is generated from such tables, and dashboards are held to them. */
export interface MetricDefinition {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
  readonly labels: readonly string[];
}

export function counter(name: string, labels: readonly string[], help: string): MetricDefinition {
  return { name: `choria_bridge_${name}`, type: "counter", help, labels };
}

export function gauge(name: string, labels: readonly string[], help: string): MetricDefinition {
  return { name: `choria_bridge_${name}`, type: "gauge", help, labels };
}

export function histogram(name: string, labels: readonly string[], help: string): MetricDefinition {
  return { name: `choria_bridge_${name}`, type: "histogram", help, labels };
}
