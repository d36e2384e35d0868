import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { readCaptures } from "../../../../shared/choria/captures.ts";
import { REJECTION_CODES } from "../../../../shared/choria/message.ts";
import { createTrust } from "../../../../shared/choria/trust.ts";
import { makeTrustSettings, VECTOR_NOW_MS, vectorFile } from "../../../support/vectors.ts";
import { acceptWire, judgeWire, makeWire } from "../../../support/wire.ts";

interface Recorded {
  readonly name: string;
  readonly subject: string;
  readonly format: "cloudevent" | "legacy";
  readonly payload: Readonly<Record<string, unknown>>;
}

const recorded: readonly Recorded[] = JSON.parse(vectorFile("meta/lifecycle-events.json"));
const [startup] = recorded as [Recorded];
const alive = recorded.find(({ name }) => name === "alive")!;
const legacy = recorded.find(({ format }) => format === "legacy")!;

const wireOf = (payload: unknown, values: Parameters<typeof makeWire>[1] = {}) =>
  makeWire(JSON.stringify(payload), { subject: "choria.lifecycle.event.startup.server", ...values });

for (const { name, format, payload, subject } of recorded) {
  test(`a recorded ${name} event is taken in its ${format} form`, async () => {
    const message = await acceptWire(wireOf(payload, { subject }), "event");
    const { id, component, identity } = (format === "legacy" ? payload : payload["data"]) as Record<string, string>;
    assert.deepEqual(
      [message.sender, message.agent, message.requestId, message.proof, message.senderProof, message.protocol],
      [identity, component, id, "none", "none", "none"],
    );
    assert.deepEqual(message.headers, [
      ["Choria-Subject", subject],
      ["Choria-Event-Type", `io.choria.lifecycle.v1.${name}`],
      ["Choria-Event-Id", id],
      ["Choria-Event-Time", "2026-06-01T12:00:00Z"],
    ]);
    assert.equal(message.payload, JSON.stringify(payload));
  });
}

for (const protocol of ["v1", "v2"]) {
  test(`every captured lifecycle and machine event of a ${protocol} network is taken`, async () => {
    const file = new URL(`../../../fixtures/captures/${protocol}.jsonl`, import.meta.url);
    const captures = readCaptures(readFileSync(file, "utf8"));
    assert.ok(typeof captures !== "string");
    const events = captures.filter(({ kind }) => /^(lifecycle|machine)\./.test(kind));
    const messages = await Promise.all(
      events.map(({ payload, subject }) => acceptWire(makeWire(payload, { subject }), "event")),
    );
    assert.ok(events.length >= 14, `${events.length} events`);
    assert.deepEqual(new Set(messages.map(({ agent }) => agent)), new Set(["server", "blinker"]));
  });
}

test("the older protocol name of a lifecycle event is read as its type", async () => {
  const message = await acceptWire(wireOf({ ...legacy.payload, protocol: "choria:lifecycle:startup:1" }), "event");
  assert.deepEqual(message.headers[1], ["Choria-Event-Type", "io.choria.lifecycle.v1.startup"]);
});

test("the arrival counts, not the time an event gives", async () => {
  const { timeNs } = await acceptWire(wireOf({ ...startup.payload, time: "2001-01-01T00:00:00Z" }), "event");
  assert.equal(timeNs, BigInt(VECTOR_NOW_MS) * 1_000_000n);
});

test("an event that is sent again is the same message, an alive event is another each time", async () => {
  const id = async (payload: unknown, arrivalId: string) =>
    (await acceptWire(wireOf(payload, { arrivalId }), "event")).messageId;
  assert.equal(await id(startup.payload, "1"), await id(startup.payload, "2"));
  assert.match(await id(startup.payload, "1"), /^[0-9a-f]{64}$/);
  assert.deepEqual([await id(alive.payload, "1"), await id(alive.payload, "2")], ["1", "2"]);
});

test("an event without an id is told by its arrival", async () => {
  const { id: _id, ...rest } = legacy.payload;
  const message = await acceptWire(wireOf(rest, { arrivalId: "7" }), "event");
  assert.deepEqual([message.messageId, message.requestId], ["7", ""]);
});

const data = startup.payload["data"] as Readonly<Record<string, unknown>>;
const changed = (fields: object, inner: object = {}) => ({
  ...startup.payload,
  ...fields,
  data: { ...data, ...inner },
});

const REFUSED: Readonly<Record<string, readonly [payload: unknown, code: string]>> = {
  "a transport": [{ protocol: "choria:transport:1", data: "", headers: {} }, "bad_event"],
  "a list": [[], "bad_event"],
  "another version of CloudEvents": [changed({ specversion: "0.3" }), "bad_event"],
  "a CloudEvent from elsewhere": [changed({ source: "com.example" }), "bad_event"],
  "a type of another source": [changed({ type: "io.choria.machine.v1.transition" }), "bad_event"],
  "a type that data contradicts": [changed({}, { protocol: "io.choria.lifecycle.v1.alive" }), "bad_event"],
  "a sender that data contradicts": [changed({}, { identity: "node2.example.net" }), "bad_event"],
  "an id that data contradicts": [changed({}, { id: "another" }), "bad_event"],
  "a time that is none": [changed({ time: "yesterday" }), "bad_event"],
  "a component that is none": [changed({}, { component: 1 }), "bad_event"],
  "data that is none": [{ ...startup.payload, data: "x" }, "bad_event"],
  "a legacy event without an identity": [{ ...legacy.payload, identity: undefined }, "bad_event"],
  "a legacy event of no known moment": [{ ...legacy.payload, timestamp: 1.5 }, "bad_event"],
  "a legacy event of the year 20000": [{ ...legacy.payload, timestamp: 568_971_820_800 }, "bad_event"],
  "a legacy machine event, which nobody sends": [
    { ...legacy.payload, protocol: "io.choria.machine.v1.x" },
    "bad_event",
  ],
  "an identity that is no subject token": [
    { ...startup.payload, subject: "a.>", data: { ...data, identity: "a.>" } },
    "sender_invalid",
  ],
  "a component that no header may carry": [changed({}, { component: "a\nb" }), "agent_invalid"],
  "an id that no header may carry": [changed({ id: "a\u0000" }, { id: "a\u0000" }), "bad_event"],
};

for (const [name, [payload, code]] of Object.entries(REFUSED)) {
  test(`${name} is refused as an event`, async () => {
    const result = await judgeWire(wireOf(payload), "event");
    assert.equal(result.code, code);
  });
}

test("an event of a denied identity is refused, although nothing proves the name", async () => {
  const deny = { tokens: [], publicKeys: [], identities: ["node1.example.net"] };
  const trust = createTrust(makeTrustSettings({ deny }));
  assert.equal((await judgeWire(wireOf(startup.payload), "event", trust)).code, "denied");
});

test("an event that two readers would read in two ways is refused", async () => {
  const text = JSON.stringify(startup.payload);
  for (const twice of ['"Subject":"node2.example.net",', '"subject":"node1.example.net",']) {
    const result = await judgeWire(makeWire(text.replace("{", `{${twice}`)), "event");
    assert.equal(result.code, "ambiguous_key");
  }
});

test("whatever the JSON of an event, there is a verdict", async () => {
  const codes: ReadonlySet<string> = new Set([...REJECTION_CODES, "ok"]);
  await fc.assert(
    fc.asyncProperty(fc.object({ withNullPrototype: true }), fc.jsonValue(), async (fields, value) => {
      const payload = changed(fields as object, typeof value === "object" && value !== null ? value : {});
      const result = await judgeWire(wireOf(payload), "event");
      assert.ok(codes.has(result.code), result.code);
      if ("detail" in result) assert.doesNotMatch(result.detail, /validation itself failed/);
    }),
  );
});
