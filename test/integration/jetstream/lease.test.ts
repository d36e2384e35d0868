import assert from "node:assert/strict";
import { test } from "node:test";
import { Lease, LeaseSightings } from "../../../shared/jetstream/lease.ts";
import { NO_LEASE } from "../../../shared/jetstream/lease-store.ts";
import { makeBucket, makeLeaseSettings, type TestClock, takeLease } from "../../support/leases.ts";
import { startNats } from "../../support/nats.ts";

async function setup(t: Parameters<typeof startNats>[0]) {
  const nats = await startNats(t);
  const connection = await nats.connect();
  await makeBucket(connection);
  const clock: TestClock = { nowMs: 0 };
  const a = makeLeaseSettings(connection, "a", clock);
  const b = makeLeaseSettings(connection, "b", clock);
  return { nats, connection, clock, a, b };
}

test("of contenders for a free lease one gets it", async (t) => {
  const { connection } = await setup(t);
  const settings = [..."abcdefgh"].map((worker) => makeLeaseSettings(connection, worker));

  const leases = await Promise.all(settings.map((one) => Lease.acquire(one, "lease.job.0", NO_LEASE)));

  assert.equal(leases.filter((lease) => lease !== null).length, 1);
});

test("a lease is kept by renewing, and every renewal that is confirmed counts from when it was sent", async (t) => {
  const { a, clock } = await setup(t);
  const lease = await takeLease(a, "k");

  clock.nowMs = 5_999;
  assert.equal(await lease.renew(), true);
  clock.nowMs = 5_999 + 5_999;
  assert.equal(lease.isHeld, true);
  clock.nowMs = 5_999 + 6_000;

  assert.equal(lease.isHeld, false);
  assert.equal(await lease.renew(), false);
});

test("a holder that is not confirmed stops before anybody may begin", async (t) => {
  const { a, b, clock } = await setup(t);
  const lease = await takeLease(a, "k");
  const sightings = new LeaseSightings();
  sightings.see("k", await b.store.read("k"), clock.nowMs);
  const holders: unknown[] = [];

  for (const at of [5_999, 6_000, 8_999, 9_000]) {
    clock.nowMs = at;
    holders.push([lease.isHeld, sightings.holder("k", 9_000, at)]);
  }

  assert.deepEqual(holders, [
    [true, "a"],
    [false, "a"],
    [false, "a"],
    [false, null],
  ]);
});

test("who comes back after another took over has lost: its renewals change nothing", async (t) => {
  const { a, b } = await setup(t);
  const old = await takeLease(a, "k");
  const taken = await takeLease(b, "k");

  assert.equal(await old.renew({ consumer: "mine" }), false);
  assert.equal(old.isHeld, false);
  await old.release();

  const { record } = await b.store.read("k");
  assert.deepEqual([record.worker, record.consumer], ["b", ""]);
  assert.ok(taken.epoch > old.epoch, "epochs must grow");
});

test("a lease that is given up is free at once, with what its holder noted", async (t) => {
  const { a, b } = await setup(t);
  const lease = await takeLease(a, "k");
  const sightings = new LeaseSightings();

  await lease.release({ deliveredUpTo: 7 });
  sightings.see("k", await b.store.read("k"), 0);

  assert.equal(lease.isHeld, false);
  assert.equal(sightings.holder("k", 9_000, 0), null);
  assert.equal((await Lease.acquire(b, "k", sightings.stored("k")))?.record.deliveredUpTo, 7);
});

test("a lease seen a renewal ago cannot be taken", async (t) => {
  const { a, b } = await setup(t);
  const lease = await takeLease(a, "k");
  const seen = await b.store.read("k");

  await lease.renew();

  assert.equal(await Lease.acquire(b, "k", seen), null);
});

test("a renewal that was stored although its confirmation was lost does not cost the lease", async (t) => {
  const { a, clock, connection } = await setup(t);
  const lease = await takeLease(a, "k");
  const before = await a.store.read("k");
  // As if the server had stored a renewal of ours whose answer never came.
  await makeLeaseSettings(connection, "a").store.write("k", before.record, before.revision);

  clock.nowMs = 1_000;
  assert.equal(await lease.renew({ consumer: "c" }), true);

  assert.equal((await a.store.read("k")).record.consumer, "c");
  assert.equal(lease.isHeld, true);
});

test("a lease is not renewed while the server is away, and goes on when it is back in time", async (t) => {
  const { nats, connection, clock } = await setup(t);
  const lease = await takeLease(makeLeaseSettings(connection, "a", clock), "k");

  await nats.server.kill("SIGSTOP");
  const renewed = await lease.renew();
  await nats.server.kill("SIGCONT");

  assert.equal(renewed, false);
  assert.equal(lease.isHeld, true);
  clock.nowMs = 3_000;
  assert.equal(await lease.renew(), true);
});

test("a record that somebody damaged or deleted is free", async (t) => {
  const { connection, a } = await setup(t);
  const kv = await connection.jetstream().views.kv("TEST_STATE");
  await kv.put("k", "{ no json");
  await takeLease(a, "k");
  await kv.delete("k");

  assert.equal((await a.store.read("k")).record.worker, "");
  assert.equal((await takeLease(a, "k")).record.worker, "a");
});
