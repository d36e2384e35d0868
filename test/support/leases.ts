import type { NatsConnection } from "nats";
import { Lease, type LeaseSettings } from "../../shared/jetstream/lease.ts";
import { LeaseStore } from "../../shared/jetstream/lease-store.ts";

/** A monotonic clock that a test moves. */
export interface TestClock {
  nowMs: number;
}

export async function makeBucket(connection: NatsConnection, name = "TEST_STATE"): Promise<string> {
  await connection.jetstream().views.kv(name, { history: 1 });
  return name;
}

export function makeLeaseSettings(
  connection: NatsConnection,
  worker: string,
  clock: TestClock = { nowMs: 0 },
): LeaseSettings {
  const store = new LeaseStore(connection, "TEST_STATE", 2_000);
  return { store, worker, host: "test", leaseMs: 9_000, now: () => clock.nowMs, wallNow: () => 0 };
}

/** Takes the lease as it stands, as if it had been free. */
export async function takeLease(settings: LeaseSettings, key: string): Promise<Lease> {
  const lease = await Lease.acquire(settings, key, await settings.store.read(key));
  if (lease === null) throw new Error("somebody was faster");
  return lease;
}
