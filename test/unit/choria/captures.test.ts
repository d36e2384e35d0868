import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Capture, readCaptures } from "../../../shared/choria/captures.ts";
import { bareMessage, explain } from "../../../shared/choria/explain/explain.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { loadTrust } from "../../../shared/config/load.ts";

const FOLDER = new URL("../../fixtures/captures/", import.meta.url);
const read = (name: string) => readFileSync(new URL(name, FOLDER), "utf8");

function captures(protocol: string): readonly Capture[] {
  const lines = readCaptures(read(`${protocol}.jsonl`));
  assert.ok(typeof lines !== "string");
  return lines;
}

async function judge(protocol: string, isWanted: (capture: Capture) => boolean) {
  const file = `${protocol}.yaml`;
  const trust = createTrust(loadTrust({ text: read(file), file, env: {} }, { file, read }));
  const wanted = captures(protocol).filter(isWanted);
  return Promise.all(wanted.map(({ payload, receivedMs }) => explain(bareMessage(payload), "auto", trust, receivedMs)));
}

for (const protocol of ["v1", "v2"]) {
  test(`every captured ${protocol} registration is accepted at its time, its sender proven`, async () => {
    const explanations = await judge(protocol, ({ kind }) => kind === "registration");
    assert.equal(explanations.length, 18);
    for (const { verdict, kind } of explanations) {
      assert.equal(kind, "registration");
      assert.equal(verdict.ok ? verdict.message.senderProof : verdict.rejection.detail, "signature");
    }
  });

  test(`every captured ${protocol} request and reply is accepted`, async () => {
    const explanations = await judge(protocol, ({ kind }) => kind.startsWith("rpc."));
    assert.ok(explanations.length >= 15);
    assert.deepEqual(
      explanations.filter(({ verdict }) => !verdict.ok),
      [],
    );
  });

  test(`captured ${protocol} events and submissions are no Choria transports`, async () => {
    const explanations = await judge(protocol, ({ kind }) => !/^(registration|rpc)/.test(kind));
    const codes = new Set(explanations.map(({ verdict }) => (verdict.ok ? "ok" : verdict.rejection.code)));
    assert.deepEqual([...codes], ["unknown_protocol"]);
  });

  test(`no explanation of a ${protocol} capture holds a signature, token or certificate`, async () => {
    const text = JSON.stringify(await judge(protocol, () => true), (_, value) =>
      typeof value === "bigint" ? String(value) : value,
    );
    for (const { payload } of captures(protocol)) {
      const transport = JSON.parse(Buffer.from(payload).toString() || "{}");
      if (typeof transport.data !== "string" || transport.specversion) continue;
      const secure = JSON.parse(Buffer.from(transport.data, "base64").toString());
      for (const field of ["signature", "pubcert", "caller", "sender"]) {
        if (secure[field] !== undefined) assert.ok(!text.includes(secure[field]), field);
      }
    }
  });
}

test("a line that is no capture is named", () => {
  assert.match(String(readCaptures('\n{"seq":1}')), /^line 2 is no capture: /);
});
