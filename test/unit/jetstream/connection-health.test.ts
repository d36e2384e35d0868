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

  health.failed("main", "refused", false);
  clock.now = 20_000;
  health.failed("main", "refused", false);
  clock.now = 49_999;
  assert.deepEqual(health.problems, ["connection main: refused"]);
  clock.now = 50_000;

  assert.deepEqual(health.problems, []);
});

test("a lasting error stays, whatever is reported after it", () => {
  const { health, clock } = makeHealth();

  health.failed("main", "subscription denied", true);
  health.failed("main", "refused", false);
  health.reconnected("main");
  clock.now = 1e9;

  assert.deepEqual(health.problems, ["connection main: subscription denied"]);
});
