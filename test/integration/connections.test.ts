import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { Connections } from "../../functions/bridge/connections.ts";
import { Denials } from "../../functions/bridge/denials.ts";
import { WorkerConnections } from "../../functions/consumer/connections.ts";
import { DispatcherConnections } from "../../functions/dispatcher/connections.ts";
import { makeChannel } from "../../shared/jetstream/channel.ts";
import { type Connection, openConnection } from "../../shared/jetstream/connect.ts";
import type { ConnectionHealth } from "../../shared/jetstream/connection-health.ts";
import type { Logger } from "../../shared/telemetry/logger.ts";
import { makeConfigValue, parseValue } from "../support/config.ts";
import { eventually } from "../support/eventually.ts";
import { startReloadable } from "../support/permissions.ts";

interface Surroundings {
  readonly connect: () => Promise<Connection>;
  readonly log: Logger;
  readonly now: () => number;
}

interface Held {
  readonly health: ConnectionHealth;
  close(): Promise<void>;
}

/** Each kind of process with a connection of its own, one that listens for replies. */
const HOLDERS: Readonly<Record<string, (surroundings: Surroundings) => Promise<Held>>> = {
  bridge: async ({ connect, log, now }) => {
    const denials = new Denials(parseValue(makeConfigValue()));
    const clock = { now, random: () => 0 };
    const connections = new Connections({ connect, denials, counters: new Map(), clock, log });
    makeChannel(await connections.get("main", "publish"), 500, now);
    return connections;
  },
  worker: async (surroundings) => {
    const connections = new WorkerConnections(surroundings);
    await connections.get("main");
    return connections;
  },
  dispatcher: async (surroundings) => {
    const connections = new DispatcherConnections({ ...surroundings, config: parseValue(makeConfigValue()) });
    const connection = await connections.get("main");
    await assert.rejects(connection.request("nobody"));
    return connections;
  },
};

type Line = { readonly level: number; readonly msg: string; readonly suppressed?: number };

async function setup(t: TestContext, holder: string) {
  const nats = await startReloadable(t, authorization("p", ""));
  const lines: Line[] = [];
  const log = pino({ base: {} }, { write: (line: string) => lines.push(JSON.parse(line)) });
  const clock = { now: 0 };
  const credentials = { type: "userPassword", user: "u", password: "p" } as const;
  const settings = { name: "main", servers: [nats.url], tls: null, credentials };
  const connect = () => openConnection(settings, "test");
  const held = await HOLDERS[holder]?.({ connect, log, now: () => clock.now });
  assert.ok(held, "no such holder");
  t.after(() => held.close());
  const errors = () => lines.filter(({ level }) => level === pino.levels.values.error);
  return { nats, clock, lines, errors, health: held.health };
}

function authorization(password: string, denied: string): string {
  const permissions = denied === "" ? "" : `, permissions: { subscribe: { deny: "${denied}" } }`;
  return `authorization: { users: [{ user: u, password: ${password}${permissions} }], timeout: 10 }`;
}

for (const holder of Object.keys(HOLDERS)) {
  test(`a ${holder} that may not hear replies has a problem that names them, until it may`, async (t) => {
    const { nats, health, errors, lines } = await setup(t, holder);

    await nats.reload(authorization("p", "_INBOX.>"));
    await eventually(() => assert.match(health.problems[0] ?? "", /may not subscribe to "_INBOX\.>"; allow it/));
    const violations = () => nats.server.output.split("Subscription Violation").length - 1;
    await eventually(() => assert.ok(violations() > 0, "it is not asked for again"));
    await nats.reload(authorization("p", ""));

    await eventually(() => assert.deepEqual(health.problems, []));
    assert.equal(errors().length, 1, JSON.stringify(errors()));
    assert.equal(lines.at(-1)?.msg, 'may subscribe to "_INBOX.>" now');
  });
}

for (const holder of Object.keys(HOLDERS)) {
  test(`a ${holder} that is refused at every redial says so once, and after a minute how often since`, async (t) => {
    const { nats, clock, errors, lines } = await setup(t, holder);
    const refusals = () => nats.server.output.split("authentication error").length - 1;

    await nats.putConfig(authorization("other", ""));
    await nats.server.restart();
    await eventually(() => assert.ok(refusals() > 3, "not yet"), { timeoutMs: 40_000 });
    assert.deepEqual(
      errors().map(({ msg, suppressed }) => [msg, suppressed]),
      [["the server refuses the credentials (AUTHORIZATION_VIOLATION)", 0]],
    );

    clock.now += 60_000;
    await eventually(() => assert.ok((errors()[1]?.suppressed ?? 0) >= 2, "not yet"));
    await nats.putConfig(authorization("p", ""));
    await nats.server.restart();

    await eventually(() => assert.equal(lines.at(-1)?.msg, "reconnected"), { timeoutMs: 40_000 });
    assert.equal(errors().length, 2);
  });
}
