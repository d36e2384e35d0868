import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Denial, openConnection, watchConnection } from "../../../shared/jetstream/connect.ts";
import { ConnectError } from "../../../shared/jetstream/connect-error.ts";
import type { ConnectionSettings } from "../../../shared/jetstream/spec.ts";
import { freePort } from "../../../shared/nats-server/port.ts";
import { eventually } from "../../support/eventually.ts";
import { startNats } from "../../support/nats.ts";
import { makeTlsAuthority, type PemPair } from "../../support/tls.ts";

test("a connection comes back by itself after the server was killed, and tells how long it was away", async (t) => {
  const { server, url } = await startNats(t);
  const connection = await open(t, makeSettings({ servers: [url] }));
  const told: string[] = [];
  let clock = 1_000;
  const events = {
    onDisconnect: () => void told.push("disconnect"),
    onReconnect: (downMs: number) => void told.push(`reconnect after ${downMs}`),
    onError: (text: string) => void told.push(text),
  };
  void watchConnection(connection, events, () => clock);

  await server.kill("SIGKILL");
  await eventually(() => assert.deepEqual(told, ["disconnect"]));
  clock = 4_500;
  await server.restart();

  await eventually(() => assert.deepEqual(told, ["disconnect", "reconnect after 3500"]));
  await connection.flush();
});

test("the server lists the connection under its label", async (t) => {
  const { server, url } = await startNats(t, { monitor: true });
  await open(t, makeSettings({ servers: [url] }));

  const connections = await (await fetch(`${server.monitorUrl}/connz`)).text();

  assert.match(connections, /"name": "choria-bridge test"/);
});

test("a permission violation is reported with what the server has to allow, of inboxes all of them", async (t) => {
  const permissions = '{ publish: ["ok"], subscribe: ["ok"] }';
  const config = `authorization: { users: [{ user: u, password: p, permissions: ${permissions} }] }`;
  const { url } = await startNats(t, { config });
  const credentials = { type: "userPassword", user: "u", password: "p" } as const;
  const connection = await open(t, makeSettings({ servers: [url], credentials }));
  const errors: [text: string, denial: Denial | null][] = [];
  const ignore = () => {};
  const onError = (text: string, denial: Denial | null) => void errors.push([text, denial]);
  void watchConnection(connection, { onDisconnect: ignore, onReconnect: ignore, onError }, () => 0);

  connection.publish("secret.subject");
  connection.subscribe("secret.news", { callback: ignore });
  connection.subscribe("_INBOX.abc.*", { callback: ignore });

  await eventually(() =>
    assert.deepEqual(errors, [
      ['PERMISSIONS_VIOLATION: publish on "secret.subject"', { operation: "publish", subject: "secret.subject" }],
      ['PERMISSIONS_VIOLATION: subscription on "secret.news"', { operation: "subscription", subject: "secret.news" }],
      ['PERMISSIONS_VIOLATION: subscription on "_INBOX.abc.*"', { operation: "subscription", subject: "_INBOX.>" }],
    ]),
  );
});

test("no server at the address is an error that names connection, servers and cause, without the password", async () => {
  const port = await freePort();
  const settings = makeSettings({ servers: [`nats://u:hunter2@127.0.0.1:${port}`] });

  await assert.rejects(openConnection(settings, "test"), (error) => {
    assert.ok(error instanceof ConnectError);
    assert.equal(error.code, "CONNECT_FAILED");
    assert.match(
      error.message,
      new RegExp(`connection "main" to nats://\\*\\*\\*@127.0.0.1:${port}: no server answers there`),
    );
    return true;
  });
});

test("a wrong password is told apart from a server that is away", async (t) => {
  const { url } = await startNats(t, { config: "authorization: { user: u, password: right }" });
  const credentials = { type: "userPassword", user: "u", password: "wrong" } as const;

  await assert.rejects(openConnection(makeSettings({ servers: [url], credentials }), "test"), {
    code: "CONNECT_FAILED",
    message: /the server refused the credentials/,
  });
});

test("a token opens a connection", async (t) => {
  const { url } = await startNats(t, { config: "authorization: { token: s3cret }" });

  const connection = await open(t, makeSettings({ servers: [url], credentials: { type: "token", token: "s3cret" } }));

  await connection.flush();
});

test("credentials that are refused for a while do not end a connection that was open", async (t) => {
  const { server, url, storeDir } = await startNats(t, { config: "authorization: { token: one }" });
  const connection = await open(t, makeSettings({ servers: [url], credentials: { type: "token", token: "one" } }));
  const config = join(storeDir, "nats-server.conf");
  await writeFile(config, "authorization: { token: two }");
  await server.restart();
  await eventually(() => assert.ok(server.output.split("authentication error").length > 3, "not yet"), {
    timeoutMs: 40_000,
  });

  await writeFile(config, "authorization: { token: one }");
  await server.restart();

  await eventually(() => connection.flush(), { timeoutMs: 40_000 });
});

test("TLS is used with an own authority, mutually where a client certificate is given", async (t) => {
  const { url, ca, client } = await startTls(t);

  const connection = await open(t, makeSettings({ servers: [url], tls: { ca, ...client } }));

  await connection.flush();
  assert.equal(connection.info?.tls_required, true);
});

test("TLS failures say what is wrong", async (t) => {
  const { url, ca, client } = await startTls(t);
  const plain = await startNats(t);
  const other = await makeTlsAuthority();
  const cases: readonly [servers: string, tls: ConnectionSettings["tls"], message: RegExp][] = [
    [url, { ca: other.ca, ...client }, /unable to verify|self-signed|signature|certificate/],
    [url, { ca, cert: null, key: null }, /does the server ask for a client certificate/],
    [plain.url, { ca, ...client }, /TLS is asked for, but the server offers none/],
    [plain.url.replace("nats:", "tls:"), null, /TLS is asked for, but the server offers none/],
  ];
  for (const [server, tls, message] of cases) {
    await assert.rejects(openConnection(makeSettings({ servers: [server], tls }), "test"), {
      code: "CONNECT_FAILED",
      message,
    });
  }
});

function makeSettings(changes: Partial<ConnectionSettings> = {}): ConnectionSettings {
  return { name: "main", servers: [], tls: null, credentials: { type: "none" }, ...changes };
}

async function open(t: TestContext, settings: ConnectionSettings) {
  const connection = await openConnection(settings, "test");
  t.after(() => connection.close());
  return connection;
}

/** A server that asks for client certificates. */
async function startTls(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "choria-bridge-tls-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const authority = await makeTlsAuthority();
  const [server, client] = [await authority.issue("server"), await authority.issue("client")];
  const files: Record<keyof (PemPair & { ca: string }), string> = { ca: authority.ca, ...server };
  const lines = Object.entries(files).map(async ([name, pem]) => {
    await writeFile(join(folder, `${name}.pem`), pem);
    return `${name === "ca" ? "ca_file" : `${name}_file`}: "${join(folder, `${name}.pem`)}"`;
  });
  const { url } = await startNats(t, { config: `tls: { verify: true, ${(await Promise.all(lines)).join(", ")} }` });
  return { url, ca: authority.ca, client };
}
