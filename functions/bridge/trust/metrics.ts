import type { Registry } from "prom-client";
import { BRIDGE_METRICS } from "../../../shared/telemetry/metrics.ts";
import { exposeSamples } from "../../../shared/telemetry/registry.ts";
import type { TrustInForce } from "./in-force.ts";

/** Registers what is known of the trust in force. */
export function exposeTrust(registry: Registry, trust: TrustInForce): void {
  const { counters } = trust;
  exposeSamples(registry, BRIDGE_METRICS.trustChanges, () => [{ labels: [], value: counters.changes }]);
  exposeSamples(registry, BRIDGE_METRICS.trustRefusals, () => [{ labels: [], value: counters.refusals }]);
  exposeSamples(registry, BRIDGE_METRICS.trustRefused, () => [{ labels: [], value: trust.isRefused ? 1 : 0 }]);
  exposeSamples(registry, BRIDGE_METRICS.crlNextUpdate, () =>
    trust.listDueMs === null ? [] : [{ labels: [], value: trust.listDueMs / 1_000 }],
  );
}
