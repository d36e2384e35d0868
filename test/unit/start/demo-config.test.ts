import assert from "node:assert/strict";
import { test } from "node:test";
import { DEMO, demoConfig } from "../../../functions/cli/start/demo-config.ts";
import { trustSection } from "../../../functions/simulate/trust.ts";
import { parseConfig } from "../../../shared/config/load.ts";

test("the demo's configuration is one that the bridge takes", () => {
  const pki = { caFile: "/data/v1-ca.pem", issuerPublicKey: "ab".repeat(32) };
  const trust = trustSection(pki, "mcollective");

  const text = demoConfig({ servers: ["nats://127.0.0.1:4222"], collective: "mcollective", trust });

  const config = parseConfig(text, "demo.yaml", {});
  assert.deepEqual(config.ingest[DEMO.ingest]?.to, [DEMO.stream]);
  assert.equal(config.streams[DEMO.stream]?.retention, "workqueue");
  assert.equal(config.jobs[DEMO.job]?.sink, DEMO.target);
  assert.equal(config.trust.v1?.ca, "/data/v1-ca.pem");
  assert.deepEqual(config.trust.v2?.issuers, { choria: "ab".repeat(32) });
});
