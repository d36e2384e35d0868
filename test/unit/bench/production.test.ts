import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { ensureFleetLoad, openFleetLoad } from "../../../bench/production/fleet-load.ts";
import type { Production } from "../../../bench/production/measure.ts";
import { requestIdOf } from "../../../bench/production/request-id.ts";
import { countOutOfOrder } from "../../../bench/production/scene.ts";
import { barRows, fleetGrowth, renderProduction } from "../../../bench/production/section.ts";
import type { WatchedReport } from "../../../bench/production/watched.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";

const folder = mkdtempSync(join(tmpdir(), "fleet-load-"));
after(() => rmSync(folder, { recursive: true }));

for (const protocol of ["v1", "v2"] as const) {
  test(`each ${protocol} node of a fleet is proven by a credential of its own, of real size`, async () => {
    const { messageAt, trust, signedAtMs } = openFleetLoad(
      await ensureFleetLoad(folder, { protocol, senders: 20 }, () => {}),
    );
    const known = createTrust(trust);
    const messages = Array.from({ length: 20 }, (_, number) => messageAt(number));

    const verdicts = await Promise.all(messages.map((raw) => validate(raw, "registration", known, signedAtMs)));

    const senders = verdicts.flatMap((verdict) => (verdict.ok ? [verdict.message.sender] : []));
    assert.equal(new Set(senders).size, 20);
    assert.equal((known.v1 ?? known.v2)?.proven.size, 20);
    assert.ok(Math.abs((messages[0]?.length ?? 0) - 4_000) < 150, `${messages[0]?.length} bytes`);
    assert.deepEqual(messageAt(23), messages[3], "the same message when its turn comes again");
    assert.equal(new Set(messages.map(requestIdOf)).size, 20);
  });
}

test("a sender's message that is followed by an earlier one is out of order, others' do not matter", () => {
  const stored = [2, 5, 1, 3].map((number, place) => ({ sender: place === 1 ? "b" : "a", number }));

  assert.equal(countOutOfOrder(stored), 1);
});

test("memory is flat when it stays as it was once every sender had been seen", () => {
  const samples = (...mb: number[]) => mb.map((rss, second) => ({ received: second * 100, rss }));

  assert.equal(fleetGrowth(samples(10, 50, 100, 100, 100, 100, 100), 200), 1);
  assert.equal(fleetGrowth(samples(10, 50, 100, 110, 120, 130, 150), 200), 1.5);
});

test("what is lost is held against the bar: counted, or known by a disconnect", () => {
  const isHeld = (report: Partial<WatchedReport>, inStream: number) => {
    const flood = {
      protocol: "v1",
      sent: 100,
      sentPerSecond: 1,
      outOfOrder: 0,
      inStream,
      report: { ...NOTHING, ...report },
    } as const;
    return barRows([], { ...NOT_MEASURED, flood: [flood] })[0]?.held;
  };

  assert.equal(isHeld({ received: 100, overload: 40 }, 60), true);
  assert.equal(isHeld({ received: 90, ingestDisconnects: 1 }, 90), true);
  assert.equal(isHeld({ received: 90 }, 90), false, "nobody noticed");
  assert.equal(isHeld({ received: 100, overload: 40 }, 59), false, "the books do not balance");
});

test("a bar that is missed is called so, beside its bar", () => {
  const latency = [
    { protocol: "v2", sent: 3, stored: 3, latenciesMs: [1, 1, 11], cpuMsPerMessage: 0.2, report: NOTHING } as const,
  ];

  const text = renderProduction(barRows([], { ...NOT_MEASURED, latency }), "C");

  assert.match(text, /v2: latency.*1\.0 \/ 11\.0 ms.*\(MISSED\) \| at most 1\.5 \/ 10 ms/);
  assert.match(text, /v2: CPU.*0\.20 ms \(held\) \| at most 0\.65 ms/);
});

const NOT_MEASURED: Production = { latency: [], flood: [], outage: [], entries: [], fleet: [] };
const NOTHING: WatchedReport = {
  received: 0,
  validated: 0,
  rejected: 0,
  overload: 0,
  stored: 0,
  duplicate: 0,
  shed: 0,
  ingestDisconnects: 0,
  left: 0,
  cpuSeconds: 0,
  memory: [],
};
