/** What go-choria's process says of itself and its adapters, since it was started. */
export interface AdapterMetrics {
  readonly cpuSeconds: number;
  /** Taken off the subject and understood. */
  readonly received: number;
  /** What it could not handle, by its own count. */
  readonly errors: number;
  /** Connections that it has made. */
  readonly connected: number;
}

export async function readMetrics(port: number): Promise<AdapterMetrics> {
  const response = await fetch(`http://127.0.0.1:${port}/choria/prometheus`);
  return parseMetrics(await response.text());
}

/** Reads Prometheus' text. */
function parseMetrics(text: string): AdapterMetrics {
  const samples = text.split("\n");
  const sum = (pattern: RegExp): number =>
    samples.reduce((total, sample) => total + (pattern.test(sample) ? Number(sample.split(" ").at(-1)) : 0), 0);
  return {
    cpuSeconds: sum(/^process_cpu_seconds_total /),
    received: sum(/^choria_adapter_received_msgs\{.*role="input"/),
    errors: sum(/^choria_adapter_errors\{/),
    connected: sum(/^choria_connector_initial_connect_time_count /),
  };
}
