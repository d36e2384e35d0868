import type { Registry } from "prom-client";
import { BRIDGE_METRICS } from "../../shared/telemetry/metrics.ts";
import { exposeSamples, type Sample } from "../../shared/telemetry/registry.ts";
import type { Bridge } from "./bridge.ts";
import type { ConnectionCounters, IngestCounters, StreamCounters, Tally } from "./counters.ts";

const METRICS = BRIDGE_METRICS;

/** Registers every number of a running bridge, except its latency, which is observed as it happens. */
export function exposeBridge(registry: Registry, bridge: Bridge): void {
  const { counters } = bridge;
  const ingests = (read: (counters: IngestCounters) => number) => () => perName(counters.ingests, read);
  const streams = (read: (counters: StreamCounters) => number) => () => perName(counters.streams, read);
  const connections = (read: (counters: ConnectionCounters) => number) => () => perName(counters.connections, read);
  const lanes = (read: (lane: NonNullable<ReturnType<typeof bridge.lanes.get>>) => number) => () =>
    perName(bridge.lanes, read);

  exposeSamples(
    registry,
    METRICS.received,
    ingests((ingest) => ingest.received),
  );
  exposeSamples(
    registry,
    METRICS.receivedBytes,
    ingests((ingest) => ingest.receivedBytes),
  );
  exposeSamples(registry, METRICS.validated, () => perTally(counters.ingests, ({ validated }) => validated, "/"));
  exposeSamples(registry, METRICS.rejected, () => perTally(counters.ingests, ({ rejected }) => rejected));
  exposeSamples(
    registry,
    METRICS.overload,
    ingests((ingest) => ingest.overload),
  );
  exposeSamples(registry, METRICS.validating, () => [{ labels: [], value: bridge.validating }]);
  exposeSamples(
    registry,
    METRICS.accepted,
    streams((stream) => stream.accepted),
  );
  exposeSamples(
    registry,
    METRICS.stored,
    streams((stream) => stream.stored),
  );
  exposeSamples(
    registry,
    METRICS.duplicate,
    streams((stream) => stream.duplicate),
  );
  exposeSamples(
    registry,
    METRICS.maybeDuplicate,
    streams((stream) => stream.maybeDuplicate),
  );
  exposeSamples(registry, METRICS.shed, () => perTally(counters.streams, ({ shed }) => shed));
  exposeSamples(registry, METRICS.publishRetries, () => perTally(counters.streams, ({ retries }) => retries));
  exposeSamples(
    registry,
    METRICS.bufferMessages,
    lanes((lane) => lane.messages),
  );
  exposeSamples(
    registry,
    METRICS.bufferBytes,
    lanes((lane) => lane.bytes),
  );
  exposeSamples(
    registry,
    METRICS.inFlight,
    lanes((lane) => lane.inFlight),
  );
  exposeSamples(
    registry,
    METRICS.suspended,
    lanes((lane) => (lane.suspended ? 1 : 0)),
  );
  exposeSamples(registry, METRICS.quarantined, () => [{ labels: [], value: counters.quarantine.stored }]);
  exposeSamples(registry, METRICS.quarantineDropped, () => [{ labels: [], value: counters.quarantine.dropped }]);
  exposeSamples(
    registry,
    METRICS.disconnects,
    connections(({ disconnects }) => disconnects),
  );
  exposeSamples(
    registry,
    METRICS.disconnectedSeconds,
    connections(({ disconnectedMs }) => disconnectedMs / 1_000),
  );
}

function* perName<T>(entries: ReadonlyMap<string, T>, read: (entry: T) => number): Iterable<Sample> {
  for (const [name, entry] of entries) yield { labels: [name], value: read(entry) };
}

/** One sample per name and label value; `separator` splits a label value that stands for several labels. */
function* perTally<T>(
  entries: ReadonlyMap<string, T>,
  read: (entry: T) => Tally,
  separator?: string,
): Iterable<Sample> {
  for (const [name, entry] of entries) {
    for (const [label, value] of Object.entries(read(entry))) {
      const labels = separator === undefined ? [label] : label.split(separator);
      yield { labels: [name, ...labels], value: value ?? 0 };
    }
  }
}
