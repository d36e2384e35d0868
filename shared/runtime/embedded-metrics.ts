/** One metric of a line; its unit as CloudWatch names it. */
export interface EmbeddedMetric {
  readonly name: string;
  readonly unit: "Count" | "Seconds" | "Milliseconds";
  readonly value: number;
}

export interface EmbeddedMetrics {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  /** In the order in which alarms and dashboards name them. */
  readonly dimensions: Readonly<Record<string, string>>;
  readonly metrics: readonly EmbeddedMetric[];
}

/** Where lines go, and which deployment speaks; null: no deployment, and nothing is written. */
export interface MetricOutput {
  readonly service: string | null;
  readonly write: (line: string) => void;
  readonly wallNow: () => number;
}

const NAMESPACE = "choria-bridge";

/**
 * A line of CloudWatch's embedded metric format: written to a function's standard output it becomes metrics, without a request.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */
export function embeddedMetricsLine({ atMs, dimensions, metrics }: EmbeddedMetrics): string {
  const declared = {
    Namespace: NAMESPACE,
    Dimensions: [Object.keys(dimensions)],
    Metrics: metrics.map(({ name, unit }) => ({ Name: name, Unit: unit })),
  };
  const values = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return JSON.stringify({ _aws: { Timestamp: atMs, CloudWatchMetrics: [declared] }, ...dimensions, ...values });
}
