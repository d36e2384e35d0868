import assert from "node:assert/strict";
import { test } from "node:test";
import { Denials } from "../../../functions/bridge/denials.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";

const choria = { tokenFile: "t", seedFile: "s" };
const connections = {
  main: { servers: ["nats://localhost:4222"] },
  broker: { servers: ["tls://localhost:4222"], choria },
};
const denials = new Denials(parseValue(makeConfigValue({ connections })));

function publish(subject: string, connection = "main"): string {
  return denials.asConfigured(connection, { operation: "publish", subject }).subject;
}

test("a refused publish is that of its stream, whoever the sender is", () => {
  assert.deepEqual([publish("choria.reg.node1"), publish("choria.reg.node2")], ["choria.reg.>", "choria.reg.>"]);
  assert.equal(publish("CHORIA_QUARANTINE.reg.bad_json"), "CHORIA_QUARANTINE.>");
  assert.equal(publish("$JS.ACK.S.c.1.2.3.4.5"), "$JS.ACK.>");
});

test("a subject that is on no stream of the connection stays itself", () => {
  assert.equal(publish("choria.reg.node1", "broker"), "choria.reg.node1");
  assert.equal(publish("$JS.API.STREAM.INFO.inventory"), "$JS.API.STREAM.INFO.inventory");
});

test("a refusal names the flag of a client token where the connection has one, else the server's permissions", () => {
  const denial = { operation: "subscription", subject: "a.b" } as const;

  assert.equal(denials.text("main", denial), `may not subscribe to "a.b"; allow it in the server's permissions`);
  assert.match(denials.text("broker", denial), /^may not subscribe to "a\.b"; issue .* --subscribe 'a\.b'$/);
});
