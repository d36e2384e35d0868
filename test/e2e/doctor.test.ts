import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { nkeys } from "nats";
import { makeClientToken, type TokenFiles } from "../support/choria-token.ts";
import { runCli } from "../support/cli.ts";
import { makeConfigValue } from "../support/config.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { startNats } from "../support/nats.ts";
import { makeTlsAuthority } from "../support/tls.ts";

type Section = Readonly<Record<string, unknown>>;

interface Line {
  readonly level: string;
  readonly about: string;
  readonly text: string;
  readonly todo: string | null;
}

const TRUST = { v2: { issuers: { choria: "ab".repeat(32) } } };

async function setup(t: TestContext) {
  const [nats, folder] = await Promise.all([startNats(t), makeFolder(t)]);
  const write = (sections: Section = {}) =>
    writeYaml(folder, makeConfigValue({ connections: { main: { servers: [nats.url] } }, trust: TRUST, ...sections }));
  const doctor = async (config: string) => {
    const result = await runCli(["doctor", "--config", config, "--json"]);
    const { ok, lines }: { ok: boolean; lines: readonly Line[] } = JSON.parse(result.stdout);
    return { ...result, ok, lines };
  };
  return { nats, folder, write, doctor, jsm: await nats.jsm() };
}

const notOk = (lines: readonly Line[]) =>
  lines
    .filter(({ level }) => level !== "ok")
    .map(({ level, about, text }) => `${level} ${about}: ${text.split("\n")[0]}`);

function find(lines: readonly Line[], about: string, text: RegExp): Line {
  const found = lines.find((line) => line.about === about && text.test(line.text));
  assert.ok(found !== undefined, `${about}: ${text} in ${JSON.stringify(lines, null, 1)}`);
  return found;
}

test("a healthy setup has nothing that failed, and every line that is not ok says what to do", async (t) => {
  const { nats, write, doctor, jsm } = await setup(t);
  const config = await write();
  await runCli(["streams", "apply", "--config", config]);
  const before = await jsm.getAccountInfo();

  const { code, ok, lines, stderr } = await doctor(config);
  const text = await runCli(["doctor", "--config", config]);

  assert.deepEqual([code, ok, stderr], [0, true, ""]);
  find(
    lines,
    "connection main",
    new RegExp(`^nats-server ${nats.serverVersion} "\\S+", a single server, plain TCP, rtt`),
  );
  find(lines, "connection main", /^JetStream: memory 0 B \(no limit\), storage .*, streams 7 /);
  find(lines, "stream inventory", /^as configured, 0 messages, 0 B of 1\.0 GiB \(0 %\)$/);
  find(lines, "consumer republish", /^as configured$/);
  find(lines, "job republish", /^0 pending, 0 in flight, 0 delayed, oldest -, 0\/s, 0 workers$/);
  assert.ok(lines.every(({ level, todo }) => (level === "ok") === (todo === null)));
  assert.match(text.stdout, /^ok {4}connection main: nats-server .*\n[\s\S]*\n\d+ ok, \d+ to look at, 0 failed\n$/);
  const { streams, consumers } = await jsm.getAccountInfo();
  assert.deepEqual({ streams, consumers }, { streams: before.streams, consumers: before.consumers });
});

test("the clocks are compared on every server version, without writing", async (t) => {
  const { write, doctor } = await setup(t);

  const { lines } = await doctor(await write());

  const { level, text } = find(lines, "connection main", /the server's clock is/);
  assert.match(text, /^the server's clock is \S+ (?:ahead of|behind) ours \(\+-\S+\)$/);
  assert.equal(level, "ok");
});

test("a reduced mode is named with the version that would have it", async (t) => {
  const { nats, write, doctor } = await setup(t);
  const isOld = nats.serverVersion.startsWith("2.9.");

  const { code, lines } = await doctor(await write());

  assert.equal(code, 0);
  const expected = isOld ? /^reduced mode, consumerPause: .*2\.11\.0 does/ : /^the server has every feature/;
  assert.equal(find(lines, "connection main", expected).level, isOld ? "warn" : "ok");
});

test("a stream that differs fails, each setting named, with what to do", async (t) => {
  const { write, doctor } = await setup(t);
  await runCli(["streams", "apply", "--config", await write()]);
  const streams = {
    inventory: { connection: "main", subject: "choria.reg.{sender}", maxBytes: "2GiB" },
    nodes: { connection: "main", subject: "nodes.{sender}", retention: "limits", storage: "memory" },
  };

  const { code, lines } = await doctor(await write({ streams }));

  assert.equal(code, 1);
  const changeable = find(lines, "stream inventory", /differs from the configuration:\n +max_bytes: configured/);
  const fixed = find(lines, "stream nodes", /storage: configured memory, on the server file/);
  assert.deepEqual([changeable.level, fixed.level], ["fail", "fail"]);
  assert.match(changeable.todo ?? "", /streams apply --apply/);
  assert.match(fixed.todo ?? "", /new name/);
});

test("what is missing is to look at, and does not fail: whoever needs it makes it", async (t) => {
  const { write, doctor } = await setup(t);

  const { code, lines } = await doctor(await write());

  assert.equal(code, 0);
  assert.equal(find(lines, "stream inventory", /^missing$/).level, "warn");
  assert.equal(find(lines, "consumer republish", /^missing$/).level, "warn");
});

test("a source stream that is missing fails, because nobody here makes it; its consumer is made at the start", async (t) => {
  const { write, doctor, jsm } = await setup(t);
  const subject = "mcollective.broadcast.agent.registration";
  const reg = { connection: "main", subject, kind: "registration", to: ["inventory"] };
  const config = await write({ ingest: { reg: { ...reg, from: "stream", source: { stream: "REGISTRATIONS" } } } });

  const without = await doctor(config);
  await jsm.streams.add({ name: "REGISTRATIONS", subjects: [subject] });
  const withStream = await doctor(config);

  const { level, todo } = find(without.lines, "consumer source of reg", /^its stream REGISTRATIONS is not there$/);
  assert.deepEqual([without.code, level], [1, "fail"]);
  assert.match(todo ?? "", /make it, or correct `source\.stream`/);
  const consumer = find(withStream.lines, "consumer source of reg", /^missing$/);
  assert.deepEqual([withStream.code, consumer.level], [0, "warn"]);
  assert.match(consumer.todo ?? "", /makes it at its start/);
});

test("a queue that fills up, that nobody works on, is paused, or has dead letters is to look at", async (t) => {
  const { nats, write, doctor } = await setup(t);
  const streams = {
    inventory: { connection: "main", subject: "choria.reg.{sender}", maxMessages: 10 },
    nodes: { connection: "main", subject: "nodes.{sender}", retention: "limits" },
  };
  const config = await write({ streams });
  await runCli(["streams", "apply", "--config", config]);
  const js = (await nats.connect()).jetstream();
  for (let count = 0; count < 9; count += 1) await js.publish("choria.reg.a", "x");
  await js.publish("CHORIA_DEAD.republish", "x");

  const unpaused = await doctor(config);
  await runCli(["jobs", "pause", "republish", "--config", config]);
  await js.publish("choria.reg.a", "the tenth");
  const { code, lines } = await doctor(config);

  assert.equal(unpaused.code, 0);
  assert.equal(find(unpaused.lines, "stream inventory", /9 messages, .* \(90 %\)/).level, "warn");
  assert.equal(find(unpaused.lines, "job republish", /^9 pending, .* nobody works on it$/).level, "warn");
  const dead = find(unpaused.lines, "job republish", /^1 dead letters$/);
  assert.match(dead.todo ?? "", /choria-bridge dead ls --job republish/);
  assert.equal(code, 1);
  assert.equal(find(lines, "stream inventory", /\(100 %\)/).level, "fail");
  assert.match(find(lines, "job republish", /^paused since \S+ by /).todo ?? "", /jobs resume republish/);
});

test("an expired client certificate and expired credentials fail; no secret is printed", async (t) => {
  const { nats, folder, write, doctor } = await setup(t);
  const authority = await makeTlsAuthority();
  const { cert, key } = await authority.issue("client", new Date(Date.now() - 1_000));
  const claims = Buffer.from(JSON.stringify({ exp: 1_700_000_000 })).toString("base64url");
  const seed = "SUAM4NCRKPNQEXRVXMJTJ6CLCPPTXCDQNXYHSTGCJUUTWVAFZHQC7TVW6M";
  const creds = `-----BEGIN NATS USER JWT-----\ne30.${claims}.c2ln\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`;
  const files = { "ca.pem": authority.ca, "cert.pem": cert, "key.pem": key, "old.creds": creds };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
  const connections = {
    main: { servers: [nats.url] },
    tls: { servers: [nats.url], tls: { ca: "ca.pem", cert: "cert.pem", key: "key.pem" } },
    jwt: { servers: ["nats://127.0.0.1:1"], credsFile: "old.creds" },
  };

  const { code, lines, stdout } = await doctor(await write({ connections }));

  assert.equal(code, 1);
  assert.equal(find(lines, "connection tls", /^client certificate "CN=client" expired \S+ ago/).level, "fail");
  assert.equal(find(lines, "connection tls", /^CA certificate "CN=Test CA" is valid for/).level, "warn");
  assert.match(find(lines, "connection jwt", /^user JWT in credsFile expired/).todo ?? "", /issue new credentials/);
  assert.equal(find(lines, "connection jwt", /^not reachable to nats:/).level, "fail");
  assert.doesNotMatch(stdout, new RegExp(`${seed}|${claims}|PRIVATE KEY`));
});

test("a server without JetStream fails where streams need it, and is fine where none does", async (t) => {
  const { nats, write, doctor } = await setup(t);
  const config = "accounts: { A: { users: [{ user: a, password: a }] } }, no_auth_user: a";
  const without = await startNats(t, { config });

  const needed = await doctor(await write({ connections: { main: { servers: [without.url] } } }));
  const spare = await doctor(
    await write({ connections: { main: { servers: [nats.url] }, broker: { servers: [without.url] } } }),
  );

  assert.equal(needed.code, 1);
  const line = find(needed.lines, "connection main", /no JetStream for this account/);
  assert.deepEqual([line.level, line.todo], ["fail", "streams and jobs of this connection need JetStream"]);
  assert.equal(spare.code, 0, notOk(spare.lines).join("\n"));
  find(spare.lines, "connection broker", /JetStream is not needed/);
});

test("a server that is away fails, and the rest is examined all the same", async (t) => {
  const { nats, write, doctor } = await setup(t);
  const connections = { main: { servers: [nats.url] }, broker: { servers: ["nats://127.0.0.1:1"] } };

  const { code, lines } = await doctor(await write({ connections }));

  assert.equal(code, 1);
  assert.equal(
    find(lines, "connection broker", /not reachable to nats:\/\/127\.0\.0\.1:1: no server answers/).level,
    "fail",
  );
  assert.equal(find(lines, "connection main", /^JetStream: /).level, "ok");
  assert.deepEqual(
    lines.filter(({ level }) => level === "fail").map(({ about }) => about),
    ["connection broker"],
  );
});

async function writeToken(folder: string, { token, seed }: TokenFiles): Promise<object> {
  await writeFile(join(folder, "client.jwt"), token);
  await writeFile(join(folder, "client.seed"), seed);
  return { tokenFile: "client.jwt", seedFile: "client.seed" };
}

test("a server that is no Choria broker fails where a client token is configured, with what to do", async (t) => {
  const { nats, folder, write, doctor } = await setup(t);
  const choria = await writeToken(folder, makeClientToken());
  const connections = { main: { servers: [nats.url] }, broker: { servers: [nats.url], choria } };

  const { code, lines, stdout } = await doctor(await write({ connections }));

  assert.equal(code, 1);
  const line = find(lines, "connection broker", /sends no nonce to sign.* \[no_nonce\]$/);
  assert.match(line.todo ?? "", /name a Choria broker with the choria security provider in `servers`/);
  assert.doesNotMatch(stdout, /eyJ|abababab/);
});

test("a token that nothing lets in is told apart from one that has expired", async (t) => {
  const { nats, folder, write, doctor } = await setup(t);
  const user = nkeys.createUser().getPublicKey(); // a server with nkeys greets with a nonce, as Choria's broker does
  const other = await startNats(t, { config: `authorization: { users: [{ nkey: ${user} }] }` });
  const main = { servers: [nats.url] };
  const stateOf = async (claims: object): Promise<string> => {
    const broker = { servers: [other.url], choria: await writeToken(folder, makeClientToken({ ...claims })) };
    const { lines } = await doctor(await write({ connections: { main, broker } }));
    return find(lines, "connection broker", /^not reachable/).text;
  };

  assert.match(await stateOf({}), /refused the credentials .*\[credentials_refused\]$/);
  assert.match(await stateOf({ exp: 1_000 }), /have expired .*\[credentials_expired\]$/);
});

test("another authority than the server's is told by its name", async (t) => {
  const { nats, folder, write, doctor } = await setup(t);
  const [authority, other] = [await makeTlsAuthority(), await makeTlsAuthority()];
  const { cert, key } = await authority.issue("server");
  const files = { "server.pem": cert, "server-key.pem": key, "other.pem": other.ca };
  await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
  const path = (name: string): string => JSON.stringify(join(folder, name));
  const tls = await startNats(t, {
    config: `tls: { cert_file: ${path("server.pem")}, key_file: ${path("server-key.pem")} }`,
  });
  const connections = { main: { servers: [nats.url] }, broker: { servers: [tls.url], tls: { ca: "other.pem" } } };

  const { lines } = await doctor(await write({ connections }));

  const line = find(lines, "connection broker", /certificate is from no known CA .*\[server_untrusted\]$/);
  assert.equal(line.todo, "name the CA that signed the server's certificate in `tls.ca`");
});

test("an ingest whose subject is denied fails, one of another collective is to look at, an allowed one is fine", async (t) => {
  const { nats, write, doctor } = await setup(t);
  const allowed = '["mcollective.broadcast.agent.>", "uk.>", "_INBOX.>"]';
  const users = `[{ user: u, password: p, permissions: { publish: ">", subscribe: ${allowed} } }]`;
  const limited = await startNats(t, { config: `authorization: { users: ${users} }, no_auth_user: u` });
  const connections = { main: { servers: [nats.url] }, broker: { servers: [limited.url] } };
  const ingestOf = (subject: string) => ({ connection: "broker", subject, kind: "registration", to: ["inventory"] });
  const ingest = {
    reg: ingestOf("mcollective.broadcast.agent.registration"),
    uk: ingestOf("uk.broadcast.agent.registration"),
    other: ingestOf("other.subject"),
  };

  const { code, lines } = await doctor(await write({ connections, ingest }));

  assert.equal(code, 1);
  assert.equal(find(lines, "ingest reg", /^may subscribe to/).level, "ok");
  assert.equal(find(lines, "ingest uk", /is of collective uk, which trust\.collectives does not name/).level, "warn");
  const denied = find(lines, "ingest other", /^connection broker may not subscribe to "other\.subject"$/);
  assert.equal(denied.level, "fail");
  assert.match(denied.todo ?? "", /allow it in the server's permissions/);
});

test("a node's token, and a seed of another token, end the doctor with the setting and the fix", async (t) => {
  const { nats, folder, write } = await setup(t);
  const cases: readonly (readonly [TokenFiles, RegExp])[] = [
    [
      makeClientToken({ purpose: "choria_server", identity: "n1" }),
      /choria\.tokenFile: holds the server token of node n1/,
    ],
    [{ ...makeClientToken(), seed: "cd".repeat(32) }, /choria\.seedFile: is not the seed of the token's public key/],
  ];

  for (const [files, expected] of cases) {
    const broker = { servers: [nats.url], choria: await writeToken(folder, files) };
    const config = await write({ connections: { main: { servers: [nats.url] }, broker } });
    const { code, stderr } = await runCli(["doctor", "--config", config]);

    assert.notEqual(code, 0);
    assert.match(stderr, expected);
    assert.match(stderr, /choria jwt client/);
  }
});
