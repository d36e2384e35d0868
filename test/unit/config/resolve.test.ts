import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { stringify } from "yaml";
import type { ConfigFiles } from "../../../shared/config/files.ts";
import { loadConfig, loadTrust } from "../../../shared/config/load.ts";
import {
  connectionSettings,
  consumerSpec,
  deadLetterSpec,
  quarantineSpec,
  resolveFiles,
  streamSpec,
  trustSettings,
} from "../../../shared/config/resolve.ts";
import { makeClientToken } from "../../support/choria-token.ts";
import { makeConfigValue, parseValue, problemsOf } from "../../support/config.ts";

const KEYS = new URL("../../fixtures/vectors/keys/", import.meta.url);
const vector = (name: string) => readFileSync(new URL(name, KEYS), "utf8");

const NKEY = `SU${"A".repeat(56)}`;
const CLIENT = makeClientToken();

const CONTENTS: Readonly<Record<string, string>> = {
  "ca.pem": vector("v1-ca.pem"),
  "crl.pem": vector("v1-ca.crl.pem"),
  "client.pem": vector("v1-client.pem"),
  "client.key": vector("v1-client.key.pem"),
  password: "hunter2\n",
  token: "s3cr3t\n",
  "bridge.creds": "-----BEGIN NATS USER JWT-----\nx\n------END NATS USER JWT------\n",
  "broken.pem": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
  "short.crl": "-----BEGIN X509 CRL-----\nMIIBdTBf\n-----END X509 CRL-----\n",
  empty: "",
  nkey: `${NKEY}\n`,
  "client.jwt": `${CLIENT.token}\n`,
  "client.seed": `${CLIENT.seed}\n`,
  "server.jwt": vector("v2-server.jwt"),
  "other.seed": `${"cd".repeat(32)}\n`,
};

const files: ConfigFiles = {
  file: "test.yaml",
  read(path) {
    const text = CONTENTS[path];
    if (text === undefined) throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
    return text;
  },
};

const trust = (v1: object) => ({ trust: { v1: { ca: "ca.pem", ...v1 } } });
const connection = (changed: object) => ({ connections: { main: { servers: ["nats://localhost:4222"], ...changed } } });

test("trust holds texts, seconds and null for what is not configured", () => {
  const config = parseValue(makeConfigValue(trust({ crl: "crl.pem" })));

  const settings = trustSettings(config, files);

  assert.equal(settings.v1?.caPem, CONTENTS["ca.pem"]);
  assert.equal(settings.v1?.crlPem, CONTENTS["crl.pem"]);
  assert.equal(settings.v2, null);
  assert.deepEqual(settings.ttl, { minSeconds: 1, maxSeconds: 60 });
  assert.ok(!("ca" in (settings.v1 ?? {})), "paths stay behind");
});

for (const [given, credentials] of [
  [{}, { type: "none" }],
  [
    { user: "bob", passwordFile: "password" },
    { type: "userPassword", user: "bob", password: "hunter2" },
  ],
  [{ tokenFile: "token" }, { type: "token", token: "s3cr3t" }],
  [{ nkeyFile: "nkey" }, { type: "nkey", seed: NKEY }],
  [{ credsFile: "bridge.creds" }, { type: "creds", creds: CONTENTS["bridge.creds"] }],
] as const) {
  test(`a connection with ${Object.keys(given).join(" and ") || "no secrets"} has credentials of type ${credentials.type}`, () => {
    const config = parseValue(makeConfigValue(connection(given)));

    assert.deepEqual(connectionSettings(config, "main", files).credentials, credentials);
  });
}

test("a connection to a Choria broker has the token, what signs for it, and its own place for replies", () => {
  const choria = { tokenFile: "client.jwt", seedFile: "client.seed" };
  const config = parseValue(makeConfigValue(connection({ choria })));

  const { credentials } = connectionSettings(config, "main", files);

  assert.ok(credentials.type === "signedToken");
  assert.deepEqual([credentials.token, credentials.holder], [CLIENT.token, "choria=bridge"]);
  assert.equal(credentials.inboxPrefix, "mcollective.reply.4d40cd838179945cad1e6c91e842ec0c");
});

test("secrets are read again on demand, and a file that is of no use then throws with its path", () => {
  const config = parseValue(makeConfigValue(connection({ tokenFile: "token" })));
  const contents: Record<string, string> = { token: "one" };
  const { reread } = connectionSettings(config, "main", { file: "test.yaml", read: (path) => contents[path] ?? "" });

  contents["token"] = "two";
  assert.deepEqual(reread?.().credentials, { type: "token", token: "two" });
  contents["token"] = "";

  assert.throws(() => reread?.(), /connections\.main\.tokenFile: does not hold one line/);
});

test("TLS files are read, and absent ones are null", () => {
  const tls = { cert: "client.pem", key: "client.key" };
  const config = parseValue(makeConfigValue(connection({ tls })));

  const settings = connectionSettings(config, "main", files);

  assert.deepEqual(settings.tls, {
    ca: null,
    cert: CONTENTS["client.pem"],
    key: CONTENTS["client.key"],
    handshakeFirst: false,
  });
});

for (const [what, given, path, problem] of [
  ["a missing CA", trust({ ca: "nope.pem" }), "trust.v1.ca", /there is no such file/],
  ["a CA that holds a key", trust({ ca: "client.key" }), "trust.v1.ca", /no CERTIFICATE block/],
  ["a CA that does not parse", trust({ ca: "broken.pem" }), "trust.v1.ca", /does not hold CA certificates/],
  ["a CA that is none", trust({ ca: "client.pem" }), "trust.v1.ca", /CN=rip\.mcollective" is no CA certificate/],
  ["a revocation list that is none", trust({ crl: "ca.pem" }), "trust.v1.crl", /no X509 CRL block/],
  [
    "a key that is none",
    connection({ tls: { cert: "client.pem", key: "ca.pem" } }),
    "connections.main.tls.key",
    /private key/,
  ],
  ["an empty token", connection({ tokenFile: "empty" }), "connections.main.tokenFile", /it is empty/],
  ["an nkey that is none", connection({ nkeyFile: "token" }), "connections.main.nkeyFile", /begins with "SU"/],
  ["credentials that are none", connection({ credsFile: "ca.pem" }), "connections.main.credsFile", /USER JWT/],
] as const) {
  test(`${what} is a problem that names file, path and fix`, () => {
    const config = parseValue(makeConfigValue({ ...trust({}), ...given }));

    const found = problemsOf(() => resolveFiles(config, files));

    assert.deepEqual(
      found.map((one) => [one.file, one.path]),
      [["test.yaml", path]],
    );
    assert.match(found[0]?.problem ?? "", problem);
    assert.match(found[0]?.fix ?? "", /name a readable file that holds/);
  });
}

const choriaFiles = (changed: object) =>
  connection({ choria: { tokenFile: "client.jwt", seedFile: "client.seed", ...changed } });

for (const [what, given, path, problem] of [
  ["a node's token", choriaFiles({ tokenFile: "server.jwt" }), "tokenFile", /the server token of node/],
  ["a token that is none", choriaFiles({ tokenFile: "token" }), "tokenFile", /does not hold a token/],
  ["another token's seed", choriaFiles({ seedFile: "other.seed" }), "seedFile", /is not the seed of/],
  ["a missing seed", choriaFiles({ seedFile: "nope" }), "seedFile", /there is no such file/],
] as const) {
  test(`${what} for a Choria broker is a problem with its path and a fix`, () => {
    const config = parseValue(makeConfigValue({ ...trust({}), ...given }));

    const found = problemsOf(() => resolveFiles(config, files));

    assert.deepEqual(
      found.map((one) => one.path),
      [`connections.main.choria.${path}`],
    );
    assert.match(found[0]?.problem ?? "", problem);
    assert.notEqual(found[0]?.fix, "");
  });
}

test("missing files are reported together with everything else that is wrong", () => {
  const value = makeConfigValue({ ...trust({ ca: "nope.pem" }), ...connection({ credsFile: "nope.creds" }) });
  const text = `${stringify(value)}ingests: {}\n`;

  const found = problemsOf(() => loadConfig({ text, file: "my.yaml", env: {} }, files));

  assert.deepEqual(
    found.map(({ path, line }) => [path, line]),
    [
      ["connections.main.credsFile", 5],
      ["trust.v1.ca", 8],
      ["ingests", 32],
    ],
  );
});

test("trust alone needs no other file", () => {
  const text = stringify(makeConfigValue({ ...trust({}), ...connection({ credsFile: "nope.creds" }) }));

  assert.equal(loadTrust({ text, file: "my.yaml", env: {} }, files).v1?.caPem, CONTENTS["ca.pem"]);
});

test("a stream is named after its entry and stores the subjects of its template", () => {
  const spec = streamSpec(parseValue(makeConfigValue()), "inventory");

  assert.deepEqual(spec, {
    name: "inventory",
    subjects: ["choria.reg.>"],
    retention: "workqueue",
    storage: "file",
    replicas: 1,
    maxBytes: 1_073_741_824,
    maxMessages: -1,
    maxMessagesPerSubject: -1,
    maxAgeMs: 0,
    discard: "new",
    duplicateWindowMs: 300_000,
  });
});

test("a job's durable carries its name, and nothing on the server bounds its deliveries", () => {
  const spec = consumerSpec(parseValue(makeConfigValue()), "republish");

  assert.deepEqual(spec, {
    stream: "inventory",
    durable: "republish",
    filterSubject: null,
    ackWaitMs: 30_000,
    maxAckPending: 10_000,
    maxDeliver: -1,
  });
});

test("rejected and dead messages are kept in bounded streams that make room for new ones", () => {
  const config = parseValue(makeConfigValue());

  for (const spec of [quarantineSpec(config), deadLetterSpec(config)]) {
    assert.deepEqual([spec.retention, spec.discard, spec.subjects], ["limits", "old", [`${spec.name}.>`]]);
    assert.ok(spec.maxBytes > 0 && spec.maxAgeMs > 0 && spec.duplicateWindowMs <= spec.maxAgeMs);
  }
});
