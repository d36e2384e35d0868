import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { pino } from "pino";
import { CredentialWatch } from "../../../functions/bridge/credential-watch.ts";
import type { ConnectionSecrets, ConnectionSettings } from "../../../shared/jetstream/spec.ts";

const HOUR_MS = 3_600_000;

function makeSecrets(expiresAtMs: number | null, token = `until ${expiresAtMs}`): ConnectionSecrets {
  const holder = "choria=bridge";
  const signed = { type: "signedToken", token, holder, inboxPrefix: "c.reply.x", sign: () => "" } as const;
  return { tls: null, credentials: { ...signed, issuedAtMs: 0, expiresAtMs } };
}

function setup(t: TestContext, first: ConnectionSecrets) {
  const state = { now: 0, secrets: first as ConnectionSecrets | null };
  const reread = () => {
    if (state.secrets === null) throw new Error("half written");
    return state.secrets;
  };
  const settings: ConnectionSettings = { name: "broker", servers: [], ...first, reread };
  const lines: string[] = [];
  const changes: string[] = [];
  const log = pino({ level: "info" }, { write: (line) => void lines.push(line) });
  const watch = new CredentialWatch([settings], {
    wallClock: () => state.now,
    log,
    onChange: (name) => void changes.push(name),
  });
  t.after(() => watch.close());
  const messages = () => lines.map((line) => JSON.parse(line)).map(({ level, msg }) => `${level} ${msg}`);
  return { state, watch, changes, messages };
}

test("what ends soon is warned of once, and once more when it has ended", (t) => {
  const { state, watch, messages } = setup(t, makeSecrets(HOUR_MS));
  assert.deepEqual(watch.warnings, []);

  state.now = HOUR_MS * 0.95;
  watch.look();
  watch.look();
  assert.match(watch.warnings.join(), /^connection broker: token of choria=bridge ends at 1970-01-01T01:00:00\.000Z;/);
  state.now = HOUR_MS;
  watch.look();
  watch.look();

  assert.equal(messages().length, 2);
  assert.match(messages()[0] ?? "", /^40 .*ends at/);
  assert.match(messages()[1] ?? "", /^50 .*expired at .*the next reconnect is refused/);
});

test("a token that was renewed in its file is told of, and ends the warning", (t) => {
  const { state, watch, changes } = setup(t, makeSecrets(HOUR_MS));
  state.now = HOUR_MS * 0.95;
  watch.look();

  state.secrets = makeSecrets(HOUR_MS * 100);
  watch.look();
  watch.look();

  assert.deepEqual(changes, ["broker"]);
  assert.deepEqual(watch.warnings, []);
  assert.deepEqual([...watch.expiries()], [["broker", HOUR_MS * 100]]);
});

test("a file that cannot be read changes nothing", (t) => {
  const { state, watch, changes } = setup(t, makeSecrets(HOUR_MS));

  state.secrets = null;
  watch.look();

  assert.deepEqual(changes, []);
  assert.deepEqual([...watch.expiries()], [["broker", HOUR_MS]]);
});

test("a connection whose credentials have no end has none to show", (t) => {
  const { watch } = setup(t, makeSecrets(null));

  assert.deepEqual([[...watch.expiries()], watch.warnings], [[], []]);
});
