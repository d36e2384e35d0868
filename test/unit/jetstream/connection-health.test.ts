import assert from "node:assert/strict";
import { test } from "node:test";
import { ConnectionHealth } from "../../../shared/jetstream/connection-health.ts";

function makeHealth() {
  const clock = { now: 0 };
  return { clock, health: new ConnectionHealth(() => clock.now) };
}

test("a connection is a problem while it is down", () => {
  const { health } = makeHealth();

  health.disconnected("main");
  assert.deepEqual(health.problems, ["connection main is down"]);
  health.reconnected("main");

  assert.deepEqual(health.problems, []);
});

test("an error counts for half a minute after it was last reported", () => {
  const { health, clock } = makeHealth();

  health.failed("main", "refused", null);
  clock.now = 20_000;
  health.failed("main", "refused", null);
  clock.now = 49_999;
  assert.deepEqual(health.problems, ["connection main: refused"]);
  clock.now = 50_000;

  assert.deepEqual(health.problems, []);
});

test("what kept a connection from coming back is no problem once it is back", () => {
  const { health } = makeHealth();

  health.disconnected("main");
  health.failed("main", "refused", null);
  assert.deepEqual(health.problems, ["connection main is down", "connection main: refused"]);
  health.reconnected("main");

  assert.deepEqual(health.problems, []);
});

test("errors of different kinds count beside each other; refused acks are one kind", () => {
  const { health, clock } = makeHealth();
  const refuse = (subject: string) => health.failed("main", `publish on ${subject}`, { operation: "publish", subject });

  refuse("$JS.ACK.S.c.1.1.1.1.0");
  refuse("$JS.ACK.S.c.1.2.2.1.0");
  refuse("$KV.state.a");
  health.failed("main", "expired", null);

  assert.deepEqual(health.problems, [
    "connection main: publish on $JS.ACK.S.c.1.2.2.1.0",
    "connection main: publish on $KV.state.a",
    "connection main: expired",
  ]);
  for (let node = 0; node < 1_000; node += 1) refuse(`out.${node}`);
  assert.equal(health.problems.length, 50);
  clock.now = 30_000;
  refuse("out.1000");
  assert.deepEqual(health.problems, ["connection main: publish on out.1000"]);
});

test("a refused subject stays a problem until it is allowed, a refused publish also until the next reconnect", () => {
  const { health, clock } = makeHealth();
  const subscription = { operation: "subscription", subject: "a" } as const;
  health.denied("main", subscription, 'may not subscribe to "a"');
  health.denied("main", { operation: "publish", subject: "b" }, 'may not publish to "b"');
  health.denied("other", subscription, "may not");
  clock.now = 1e9;
  assert.equal(health.problems.length, 3);

  health.reconnected("main");
  assert.deepEqual(health.problems, ['connection main: may not subscribe to "a"', "connection other: may not"]);
  health.allowed("main", subscription);

  assert.deepEqual([health.isDenied("main"), health.isDenied("other")], [false, true]);
});

test("a refused subject is news once, and only so many are kept", () => {
  const { health } = makeHealth();
  const publish = (subject: string) => health.denied("main", { operation: "publish", subject }, subject);

  assert.deepEqual([publish("a"), publish("a"), publish("b")], [true, false, true]);
  for (let i = 0; i < 1_000; i += 1) publish(`node${i}`);

  assert.equal(health.problems.length, 50);
  health.reconnected("main");
  assert.deepEqual([health.problems.length, publish("a")], [0, true]);
});
