import assert from "node:assert/strict";
import { test } from "node:test";
import { pino } from "pino";
import { DispatcherConnections } from "../../../functions/dispatcher/connections.ts";
import { openNamed } from "../../../shared/jetstream/connect.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";
import { startNats } from "../../support/nats.ts";

test("a connection that is asked for twice at a time is opened once, and anew after it could not be opened", async (t) => {
  const nats = await startNats(t);
  const main = { name: "main", servers: [nats.url], tls: null, credentials: { type: "none" } } as const;
  const tries: string[] = [];
  let isAway = true;
  const connections = new DispatcherConnections({
    connect: async (name) => {
      tries.push(name);
      if (isAway) throw new Error("away");
      return openNamed({ main }, name, "test");
    },
    config: parseValue(makeConfigValue()),
    log: pino({ level: "silent" }),
    now: () => performance.now(),
  });
  t.after(() => connections.close());

  await assert.rejects(connections.get("main"), /away/);
  isAway = false;
  const [first, second] = await Promise.all([connections.get("main"), connections.get("main")]);

  assert.equal(first, second);
  assert.deepEqual(tries, ["main", "main"]);
  await connections.close();
  assert.equal(first.isClosed(), true);
});
