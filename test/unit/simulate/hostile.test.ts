import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ATTACK_NAMES, ATTACKS, composeHostile, composeReport } from "../../../functions/simulate/hostile.ts";
import { nodeIdentity } from "../../../functions/simulate/identity.ts";
import { makeNode, registrationFields } from "../../../functions/simulate/node.ts";
import { openPki, type SimulatedPki } from "../../../functions/simulate/pki.ts";
import { seeded } from "../../../functions/simulate/random.ts";
import { trustOfFleet } from "../../../functions/simulate/trust.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";

const now = new Date("2026-11-23T12:00:00Z");
const folder = mkdtempSync(join(tmpdir(), "hostile-"));
let pki: SimulatedPki;

before(async () => {
  pki = await openPki({ folder, collective: "mcollective", now });
});
after(() => rmSync(folder, { recursive: true }));

function makeDraft(protocol: "v1" | "v2", index: number) {
  const node = makeNode(index, protocol);
  const fields = registrationFields(node, {
    nowMs: now.getTime(),
    nowNs: BigInt(now.getTime()) * 1_000_000n,
    startedMs: now.getTime(),
    server: "nats://127.0.0.1:4222",
    collective: "mcollective",
    random: seeded(index),
    idBytes: Buffer.alloc(16, index),
    gzip: (text) => gzipSync(text),
  });
  return { protocol, identity: node.profile.identity, fields, victim: nodeIdentity(index + 1) };
}

const judge = (raw: Uint8Array) =>
  validate(raw, "registration", createTrust(trustOfFleet(pki, "mcollective")), now.getTime());

for (const protocol of ["v1", "v2"] as const) {
  for (const [index, what] of [
    [0, "gzipped inventories"],
    [9, "files"],
    [24, "plain inventories"],
  ] as const) {
    test(`${protocol} ${what} of the fleet are accepted, sender proven`, async () => {
      const draft = makeDraft(protocol, index);
      const verdict = await judge(await composeReport(draft, pki));

      assert.ok(verdict.ok, verdict.ok ? "" : verdict.rejection.detail);
      assert.equal(verdict.message.sender, draft.identity);
      assert.equal(verdict.message.senderProof, "signature");
      assert.equal(verdict.message.payload, draft.fields.payload);
      assert.equal(verdict.message.timeNs, draft.fields.timeNs);
    });
  }

  for (const attack of ATTACK_NAMES) {
    test(`${protocol} ${attack} is refused as ${ATTACKS[attack][protocol]}`, async () => {
      const verdict = await judge(await composeHostile(attack, makeDraft(protocol, 1), pki));

      assert.equal(verdict.ok, false);
      assert.equal(verdict.ok || verdict.rejection.code, ATTACKS[attack][protocol]);
    });
  }
}
