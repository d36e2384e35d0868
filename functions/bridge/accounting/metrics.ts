import type { Registry } from "prom-client";
import type { Lane } from "../../../shared/jetstream/lane.ts";
import type { MetricDefinition } from "../../../shared/telemetry/definition.ts";
import { BRIDGE_METRICS } from "../../../shared/telemetry/metrics.ts";
import { exposeSamples, type Sample } from "../../../shared/telemetry/registry.ts";
import type { Bridge } from "../bridge.ts";
import type { CredentialWatch } from "../credential-watch.ts";
import type { StreamSource } from "../sources/stream-source.ts";
import type { ConnectionCounters, IngestCounters, StreamCounters, Tally } from "./counters.ts";

const METRICS = BRIDGE_METRICS;

/** A metric and how its value is read for one ingest, stream, lane, source or connection; what is not known is not shown. */
type Reading<T> = readonly (readonly [definition: MetricDefinition, read: (entry: T) => number | null])[];
type Tallies<T> = readonly (readonly [definition: MetricDefinition, read: (entry: T) => Tally])[];

const INGESTS: Reading<IngestCounters> = [
  [METRICS.received, ({ received }) => received],
  [METRICS.receivedBytes, ({ receivedBytes }) => receivedBytes],
  [METRICS.overload, ({ overload }) => overload],
];
const INGEST_TALLIES: Tallies<IngestCounters> = [
  [METRICS.validated, ({ validated }) => validated],
  [METRICS.rejected, ({ rejected }) => rejected],
];
const STREAMS: Reading<StreamCounters> = [
  [METRICS.accepted, ({ accepted }) => accepted],
  [METRICS.stored, ({ stored }) => stored],
  [METRICS.duplicate, ({ duplicate }) => duplicate],
  [METRICS.maybeDuplicate, ({ maybeDuplicate }) => maybeDuplicate],
];
const STREAM_TALLIES: Tallies<StreamCounters> = [
  [METRICS.shed, ({ shed }) => shed],
  [METRICS.publishRetries, ({ retries }) => retries],
];
const LANES: Reading<Lane> = [
  [METRICS.bufferMessages, ({ messages }) => messages],
  [METRICS.bufferBytes, ({ bytes }) => bytes],
  [METRICS.inFlight, ({ inFlight }) => inFlight],
  [METRICS.suspended, ({ suspended }) => (suspended ? 1 : 0)],
];
const SOURCES: Reading<StreamSource> = [
  [METRICS.sourcePending, ({ pending }) => pending],
  [METRICS.sourceHeld, ({ held }) => held],
  [METRICS.sourceExpired, ({ expired }) => expired],
  [METRICS.sourceRedelivered, ({ redelivered }) => redelivered],
  [METRICS.sourceReturned, ({ returned }) => returned],
];
/** An outage counts while it lasts: an alert must not wait for its end. */
const connectionReadings = (now: () => number): Reading<ConnectionCounters> => [
  [METRICS.disconnects, ({ disconnects }) => disconnects],
  [
    METRICS.disconnectedSeconds,
    ({ disconnectedMs, downSince }) => (disconnectedMs + (downSince === null ? 0 : now() - downSince)) / 1_000,
  ],
];

/**
 * Registers every number of a running bridge, except what is observed as it happens. `now`: the bridge's monotonic clock in
 * milliseconds.
 */
export function exposeBridge(registry: Registry, bridge: Bridge, now: () => number): void {
  const { ingests, streams, connections, quarantine } = bridge.counters;
  expose(registry, ingests, INGESTS);
  exposeTallies(registry, ingests, INGEST_TALLIES);
  expose(registry, streams, STREAMS);
  exposeTallies(registry, streams, STREAM_TALLIES);
  expose(registry, bridge.lanes, LANES);
  expose(registry, bridge.sources, SOURCES);
  expose(registry, connections, connectionReadings(now));
  exposeSamples(registry, METRICS.validating, () => [{ labels: [], value: bridge.validating }]);
  exposeSamples(registry, METRICS.quarantined, () => [{ labels: [], value: quarantine.stored }]);
  exposeQuarantineLane(registry, () => bridge.quarantineLane);
  exposeSamples(registry, METRICS.quarantineDropped, () => [{ labels: [], value: quarantine.dropped }]);
}

function exposeQuarantineLane(registry: Registry, laneOf: () => Lane | null): void {
  const read = (of: (lane: Lane) => number) => (): Sample[] => {
    const lane = laneOf();
    return lane === null ? [] : [{ labels: [], value: of(lane) }];
  };
  exposeSamples(
    registry,
    METRICS.quarantineWaiting,
    read(({ messages }) => messages),
  );
  exposeSamples(
    registry,
    METRICS.quarantineSuspended,
    read(({ suspended }) => (suspended ? 1 : 0)),
  );
}

function expose<T>(registry: Registry, entries: ReadonlyMap<string, T>, readings: Reading<T>): void {
  for (const [definition, read] of readings) {
    exposeSamples(registry, definition, () =>
      [...entries].flatMap(([name, entry]): Sample[] => {
        const value = read(entry);
        return value === null ? [] : [{ labels: [name], value }];
      }),
    );
  }
}

function exposeTallies<T>(registry: Registry, entries: ReadonlyMap<string, T>, tallies: Tallies<T>): void {
  for (const [definition, read] of tallies) {
    exposeSamples(registry, definition, function* () {
      for (const [name, entry] of entries) {
        // A label such as `v2/signature` stands for as many labels as the metric has besides the name.
        for (const [label, value] of Object.entries(read(entry))) {
          yield { labels: [name, ...label.split("/")], value: value ?? 0 };
        }
      }
    });
  }
}

/** `wallClock`: milliseconds since 1970. */
export function exposeCredentials(registry: Registry, watch: CredentialWatch, wallClock: () => number): void {
  exposeSamples(registry, METRICS.credentialExpiry, () =>
    [...watch.expiries()].map(([name, endsAtMs]) => ({ labels: [name], value: (endsAtMs - wallClock()) / 1_000 })),
  );
}
