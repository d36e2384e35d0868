import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nkeys } from "nats";
import { filesBeside } from "../../../functions/cli/config-file.ts";
import { connectionSettings } from "../../../shared/config/resolve.ts";
import { openConnection, watchConnection } from "../../../shared/jetstream/connect.ts";
import { ConnectError } from "../../../shared/jetstream/connect-error.ts";
import { freePort } from "../../../shared/nats-server/port.ts";
import { makeClientToken } from "../../support/choria-token.ts";
import { makeConfigValue, parseValue } from "../../support/config.ts";
import { eventually } from "../../support/eventually.ts";
import { makeFolder } from "../../support/folder.ts";
import { startNats, type TestNats } from "../../support/nats.ts";
import { makeOperator } from "../../support/operator.ts";
import { makeTlsAuthority, type TestAuthority } from "../../support/tls.ts";

interface Context {
  readonly folder: string;
  /** Opens the connection that a configuration beside the files describes. */
  open(nats: Pick<TestNats, "url">, connection?: object): ReturnType<typeof openFrom>;
  write(name: string, text: string): Promise<void>;
}

async function setup(t: TestContext): Promise<Context> {
  const folder = await makeFolder(t);
  return {
    folder,
    open: async ({ url }, connection = {}) => {
      const opened = await openFrom(folder, { servers: [url], ...connection });
      t.after(() => opened.connection.close());
      return opened;
    },
    write: (name, text) => writeFile(join(folder, name), text),
  };
}

async function openFrom(folder: string, main: object) {
  const config = parseValue(makeConfigValue({ connections: { main } }));
  const stale: string[] = [];
  const settings = connectionSettings(config, "main", filesBeside(join(folder, "my.yaml")));
  const connection = await openConnection(settings, "test", (problem) => void stale.push(problem));
  let reconnects = 0;
  const ignore = () => {};
  const onReconnect = () => {
    reconnects += 1;
  };
  void watchConnection(connection, { onDisconnect: ignore, onReconnect, onError: ignore }, () => 0);
  return { connection, stale, reconnects: () => reconnects };
}

async function failureOf(opening: Promise<unknown>): Promise<string> {
  try {
    await opening;
  } catch (error) {
    assert.ok(error instanceof ConnectError, String(error));
    assert.match(error.message, new RegExp(`${literal(error.fix)}$`), "the message ends with the fix");
    return error.failure;
  }
  return "none";
}

function literal(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

async function restartWith({ server, storeDir }: TestNats, config: string): Promise<void> {
  await writeFile(join(storeDir, "nats-server.conf"), config);
  await server.restart();
}

test("an nkey opens a connection, and another one does not", async (t) => {
  const { open, write } = await setup(t);
  const [known, other] = [nkeys.createUser(), nkeys.createUser()];
  const nats = await startNats(t, { config: `authorization: { users: [{ nkey: ${known.getPublicKey()} }] }` });
  await write("good.nk", `${Buffer.from(known.getSeed())}\n`);
  await write("other.nk", Buffer.from(other.getSeed()).toString());

  const { connection } = await open(nats, { nkeyFile: "good.nk" });

  await connection.flush();
  assert.equal(await failureOf(open(nats, { nkeyFile: "other.nk" })), "credentials_refused");
});

test("an nkey whose checksum is wrong is refused before anything is sent", async (t) => {
  const { open, write } = await setup(t);
  const nats = await startNats(t);
  await write("bad.nk", `SU${"A".repeat(56)}`);

  assert.equal(await failureOf(open(nats, { nkeyFile: "bad.nk" })), "credentials_damaged");
});

test("NATS credentials open a connection; expired ones are told apart", async (t) => {
  const { open, write } = await setup(t);
  const operator = makeOperator();
  const nats = await startNats(t, { config: operator.config });
  await write("good.creds", operator.creds());
  await write("old.creds", operator.creds(Math.floor(Date.now() / 1_000) - 10));

  const { connection } = await open(nats, { credsFile: "good.creds" });

  await connection.flush();
  assert.match(await failureOf(open(nats, { credsFile: "old.creds" })), /^credentials_(expired|refused)$/);
});

test("a connection that ends with its credentials comes back with the ones stored meanwhile", async (t) => {
  const { open, write } = await setup(t);
  const operator = makeOperator();
  const nats = await startNats(t, { config: operator.config });
  await write("bridge.creds", operator.creds(Math.floor(Date.now() / 1_000) + 2));
  const { connection, reconnects } = await open(nats, { credsFile: "bridge.creds" });

  await write("bridge.creds", operator.creds());

  await eventually(() => assert.equal(reconnects(), 1)); // the server cuts it off at the end of the first JWT
  await connection.flush();
});

for (const [what, before, after, connection, secret] of [
  ["password", "user: u, password: one", "user: u, password: two", { user: "u", passwordFile: "secret" }, "two"],
  ["token", "token: one", "token: two", { tokenFile: "secret" }, "two"],
] as const) {
  test(`a ${what} that was changed in its file and at the server needs no restart`, async (t) => {
    const { open, write } = await setup(t);
    await write("secret", "one\n");
    const nats = await startNats(t, { config: `authorization: { ${before} }` });
    const { connection: opened, reconnects } = await open(nats, connection);

    await write("secret", `${secret}\n`);
    await restartWith(nats, `authorization: { ${after} }`);

    await eventually(() => assert.equal(reconnects(), 1));
    await opened.flush();
  });
}

test("a file that is gone when a connection comes back is told of once, and what it held is used", async (t) => {
  const { open, write, folder } = await setup(t);
  await write("secret", "one\n");
  const nats = await startNats(t, { config: "authorization: { token: one }" });
  const { stale, reconnects } = await open(nats, { tokenFile: "secret" });

  await rm(join(folder, "secret"));
  await nats.server.kill("SIGKILL");
  await nats.server.restart();

  await eventually(() => assert.equal(reconnects(), 1));
  assert.equal(stale.length, 1, stale.join("\n"));
  assert.match(
    stale[0] ?? "",
    /tokenFile: cannot be read \(there is no such file\).*going on with what was read before/,
  );
});

test("damaged NATS credentials in the file do not end a connection that was open", async (t) => {
  const { open, write } = await setup(t);
  const operator = makeOperator();
  const nats = await startNats(t, { config: operator.config });
  await write("bridge.creds", operator.creds());
  const { connection, stale, reconnects } = await open(nats, { credsFile: "bridge.creds" });

  await write("bridge.creds", "-----BEGIN NATS USER JWT-----\nhalf of it");
  await nats.server.restart();

  await eventually(() => assert.equal(reconnects(), 1));
  await connection.flush();
  assert.equal(stale.length, 1, stale.join("\n"));
});

/** Files of both ends in one folder; the server asks for client certificates. */
async function writeTls({ write }: Context, authority: TestAuthority): Promise<void> {
  const [server, client] = [await authority.issue("server"), await authority.issue("client")];
  await write("ca.pem", authority.ca);
  for (const [name, { cert, key }] of Object.entries({ server, client })) {
    await write(`${name}.pem`, cert);
    await write(`${name}-key.pem`, key);
  }
}

function serverTls(folder: string, more = ""): string {
  const file = (name: string): string => JSON.stringify(join(folder, name));
  const files = `ca_file: ${file("ca.pem")}, cert_file: ${file("server.pem")}, key_file: ${file("server-key.pem")}`;
  return `tls: { verify: true, ${files}${more} }`;
}

const CLIENT_TLS = { ca: "ca.pem", cert: "client.pem", key: "client-key.pem" };

test("TLS files that were replaced, authority and all, are used when a connection comes back", async (t) => {
  const context = await setup(t);
  const { folder, open } = context;
  await writeTls(context, await makeTlsAuthority());
  const nats = await startNats(t, { config: serverTls(folder) });
  const { connection, reconnects } = await open(nats, { tls: CLIENT_TLS });

  await writeTls(context, await makeTlsAuthority());
  await nats.server.restart();

  await eventually(() => assert.equal(reconnects(), 1));
  await connection.flush();
});

/** By hand: whoever else starts servers here waits for a greeting, which this one gives nobody before the handshake. */
async function startHandshakeFirst(t: TestContext, binary: string, folder: string): Promise<{ readonly url: string }> {
  const port = await freePort();
  const config = join(folder, "first.conf");
  await writeFile(config, `listen: "127.0.0.1:${port}"\n${serverTls(folder, ", handshake_first: true")}`);
  const child = spawn(binary, ["--config", config], { stdio: "ignore" });
  const ended = once(child, "exit");
  t.after(async () => {
    child.kill();
    await ended;
  });
  return { url: `nats://127.0.0.1:${port}` };
}

test("TLS is begun with where both ends say so; each end that does not is told apart", async (t) => {
  const context = await setup(t);
  const { folder, open } = context;
  await writeTls(context, await makeTlsAuthority());
  const nats = await startNats(t, { config: serverTls(folder) });
  const handshakeFirst = { ...CLIENT_TLS, handshakeFirst: true };
  assert.equal(await failureOf(open(nats, { tls: handshakeFirst })), "tls_not_first");
  if (nats.serverVersion.startsWith("2.9.")) return; // it greets always: handshake_first came with nats-server 2.10

  const first = await startHandshakeFirst(t, nats.binary, folder);
  const { connection } = await eventually(() => open(first, { tls: handshakeFirst }));

  await connection.flush();
  assert.equal(await failureOf(open(first, { tls: CLIENT_TLS })), "no_greeting");
});

test("another authority, and a certificate for another name, are told apart", async (t) => {
  const context = await setup(t);
  const { folder, open, write } = context;
  await writeTls(context, await makeTlsAuthority());
  const nats = await startNats(t, { config: serverTls(folder) });
  await write("other.pem", (await makeTlsAuthority()).ca);
  const byName = { url: nats.url.replace("127.0.0.1", "localhost") }; // the certificate is for the address

  assert.equal(await failureOf(open(nats, { tls: { ...CLIENT_TLS, ca: "other.pem" } })), "server_untrusted");
  assert.equal(await failureOf(open(byName, { tls: CLIENT_TLS })), "server_name");
});

const CHORIA = { choria: { tokenFile: "client.jwt", seedFile: "client.seed" } };

async function writeToken({ write }: Context, claims: object = {}): Promise<void> {
  const { token, seed } = makeClientToken({ ...claims });
  await write("client.jwt", token);
  await write("client.seed", seed);
}

test("a server that greets without a nonce is no Choria broker, whether it lets anybody in or refuses the token", async (t) => {
  const context = await setup(t);
  await writeToken(context);
  const [openDoor, closedDoor] = [await startNats(t), await startNats(t, { config: "authorization: { token: t }" })];

  assert.equal(await failureOf(context.open(openDoor, CHORIA)), "no_nonce");
  assert.equal(await failureOf(context.open(closedDoor, CHORIA)), "no_nonce");
});

test("a refused client token is refused, or expired when its end has passed", async (t) => {
  const context = await setup(t);
  // A server with an nkey user greets with a nonce, as Choria's broker does, and knows no such token.
  const user = nkeys.createUser().getPublicKey();
  const nats = await startNats(t, { config: `authorization: { users: [{ nkey: ${user} }] }` });

  await writeToken(context);
  assert.equal(await failureOf(context.open(nats, CHORIA)), "credentials_refused");
  await writeToken(context, { exp: 1_000 });
  assert.equal(await failureOf(context.open(nats, CHORIA)), "credentials_expired");
});
