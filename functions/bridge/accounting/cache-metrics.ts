import type { Registry } from "prom-client";
import type { Trust } from "../../../shared/choria/trust.ts";
import { BRIDGE_METRICS } from "../../../shared/telemetry/metrics.ts";
import { exposeSamples, type Sample } from "../../../shared/telemetry/registry.ts";

interface Cache {
  readonly hits: number;
  readonly misses: number;
  readonly size: number;
}

/** Registers what the caches of proven credentials count. Another trust starts with empty ones, and from 0. */
export function exposeCaches(registry: Registry, trust: () => Trust): void {
  const samples = (read: (cache: Cache) => number) => (): Sample[] => {
    const { v1, v2 } = trust();
    const caches = { v1: v1?.proven, v2: v2?.proven };
    return Object.entries(caches).flatMap(([protocol, cache]) =>
      cache === undefined ? [] : [{ labels: [protocol], value: read(cache) }],
    );
  };
  exposeSamples(
    registry,
    BRIDGE_METRICS.cacheHits,
    samples(({ hits }) => hits),
  );
  exposeSamples(
    registry,
    BRIDGE_METRICS.cacheMisses,
    samples(({ misses }) => misses),
  );
  exposeSamples(
    registry,
    BRIDGE_METRICS.cacheEntries,
    samples(({ size }) => size),
  );
}
