import assert from "node:assert/strict";
import { test } from "node:test";
import { Quarantine, type QuarantineEntry } from "../../../functions/bridge/quarantine/quarantine.ts";
import {
  type Quarantined,
  type ReplayResult,
  readQuarantined,
  replay,
} from "../../../functions/bridge/quarantine/replay.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { parseConfig } from "../../../shared/config/load.ts";
import type { LaneMessage } from "../../../shared/jetstream/lane.ts";
import type { Publication } from "../../../shared/jetstream/publish-once.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "../../support/vectors.ts";

const CONFIG = parseConfig(
  `
connections: { main: { servers: ["nats://127.0.0.1:4222"] } }
trust: { v2: { trustedSigners: ["${"ab".repeat(32)}"] } }
ingest:
  site: { connection: main, subject: "site.>", kind: raw, proof: none, to: [S] }
streams:
  S: { connection: main, subject: "out.{sender}", allowUnprovenSender: true }
`,
  "bridge.yaml",
  {},
);

/** What the quarantine keeps of a raw message that came with those headers. */
function quarantined(entry: Partial<QuarantineEntry>): Quarantined {
  const kept: LaneMessage[] = [];
  const settings = { prefix: "Q", perSecond: 10, instance: "i", maxPayload: () => 1_048_576 };
  const lane = { offer: (message: LaneMessage) => void kept.push(message) };
  const quarantine = new Quarantine(lane, settings, { stored: 0, dropped: 0 }, () => 0);
  const refused = { code: "not_accepted", detail: "", ingest: "site", subject: "site.a", receivedAtMs: VECTOR_NOW_MS };
  const defaults = { ...refused, arrivedAt: 0, body: Buffer.from("21.5"), headers: () => [], headersLeftOut: false };
  quarantine.keep({ ...defaults, ...entry }, null);
  const [{ headers, body, subject } = assert.fail("nothing was kept")] = kept;
  return readQuarantined({
    ...{ sequence: 1, subject, data: body, storedAt: new Date(VECTOR_NOW_MS) },
    header: (name) => headers.find(([given]) => given === name)?.[1] ?? null,
    headers: () => headers,
  });
}

async function replayed(entry: Quarantined): Promise<{ result: ReplayResult; published: readonly Publication[] }> {
  const published: Publication[] = [];
  const result = await replay(entry, {
    config: CONFIG,
    trust: createTrust(makeTrustSettings()),
    nowMs: VECTOR_NOW_MS,
    publish: async (_stream, publication) => {
      published.push(publication);
      return { stored: true, sequence: 1, duplicate: false };
    },
  });
  return { result, published };
}

test("a raw message is replayed with the headers it came with", async () => {
  const { result, published } = await replayed(quarantined({ headers: () => [["X-Unit", "celsius"]] }));
  assert.equal(result.type, "stored");
  assert.deepEqual(
    published[0]?.headers.filter(([name]) => name.startsWith("Raw-")),
    [["Raw-Header-X-Unit", "celsius"]],
  );
});

test("one of whose headers the quarantine kept only a part, or none, is not", async () => {
  const cases: readonly Partial<QuarantineEntry>[] = [
    { headers: () => [["X-Calibration", "c".repeat(2_100)]] },
    { code: "too_large", headersLeftOut: true },
  ];
  for (const entry of cases) {
    const { result, published } = await replayed(quarantined(entry));
    assert.equal(result.type, "unusable");
    assert.deepEqual(published, []);
  }
});
