import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { stringify } from "yaml";
import { type ConfigFiles, FileReader, fileUses } from "../../../shared/config/files.ts";
import { loadConfig, loadTrust, parseConfig } from "../../../shared/config/load.ts";
import { connectionSettings } from "../../../shared/config/resolve.ts";
import { parseSecretName } from "../../../shared/config/secret-name.ts";
import { secretNames, withSecrets } from "../../../shared/config/secrets.ts";
import { makeConfigValue, parseValue, problemsOf } from "../../support/config.ts";

const CA = readFileSync(new URL("../../fixtures/vectors/keys/v1-ca.pem", import.meta.url), "utf8");
const files: ConfigFiles = {
  file: "test.yaml",
  read(path) {
    if (path === "ca.pem") return CA;
    throw Object.assign(new Error(`no ${path}`), { code: "ENOENT" });
  },
};
const connection = (changed: object) => ({ connections: { main: { servers: ["nats://localhost:4222"], ...changed } } });
const source = (value: object) => ({ text: stringify(value), file: "test.yaml", env: {} });

const ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:choria/nats-AbC123";
const HERE = "${AWS::Region}:${AWS::AccountId}";

for (const [text, store, id, jsonKey, arn] of [
  [
    "ssm:/choria/nats.creds",
    "ssm",
    "/choria/nats.creds",
    null,
    `arn:\${AWS::Partition}:ssm:${HERE}:parameter/choria/nats.creds`,
  ],
  ["ssm:password", "ssm", "password", null, `arn:\${AWS::Partition}:ssm:${HERE}:parameter/password`],
  [
    "secretsmanager:choria/nats",
    "secretsmanager",
    "choria/nats",
    null,
    `arn:\${AWS::Partition}:secretsmanager:${HERE}:secret:choria/nats-??????`,
  ],
  [
    "secretsmanager:choria#a.b c#d",
    "secretsmanager",
    "choria",
    "a.b c#d",
    `arn:\${AWS::Partition}:secretsmanager:${HERE}:secret:choria-??????`,
  ],
  [`secretsmanager:${ARN}`, "secretsmanager", ARN, null, ARN],
  [`secretsmanager:${ARN}#password`, "secretsmanager", ARN, "password", ARN],
] as const) {
  test(`${text} is a name in ${store}`, () => {
    assert.deepEqual(parseSecretName(text), { text, store, id, jsonKey, arn });
  });
}

for (const [text, problem, fix] of [
  ["ssm:", /no name of an SSM parameter/, /write ssm:\/path/],
  ["ssm:choria/creds", /no name of an SSM parameter/, /write ssm:\/path/],
  ["ssm:/choria//creds", /no name of an SSM parameter/, /write ssm:\/path/],
  ["ssm:/choria/creds/", /no name of an SSM parameter/, /write ssm:\/path/],
  ["ssm:/choria/my creds", /no name of an SSM parameter/, /write ssm:\/path/],
  ["ssm:/choria/creds#key", /no name of an SSM parameter/, /write ssm:\/path/],
  [`ssm:${"/a".repeat(16)}`, /no name of an SSM parameter/, /write ssm:\/path/],
  ["secretsmanager:", /no name of a secret/, /write secretsmanager:name/],
  ["secretsmanager:#key", /no name of a secret/, /write secretsmanager:name/],
  ["secretsmanager:choria#", /no name of a secret/, /write secretsmanager:name/],
  ["secretsmanager:my secret", /no name of a secret/, /write secretsmanager:name/],
  // The six characters are missing.
  ["secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:choria", /no name of a secret/, /whole ARN/],
  ["secretsmanager:arn:aws:ssm:eu-west-1:123456789012:parameter/choria-AbC123", /no name of a secret/, /whole ARN/],
] as const) {
  test(`${text} is one finding with its fix, whether files are read or not`, () => {
    const value = makeConfigValue(connection({ credsFile: text }));
    const parsed = problemsOf(() => parseConfig(stringify(value), "test.yaml", {}));
    const loaded = problemsOf(() => loadConfig(source(value), withSecrets(files, new Map())));

    for (const [found, ...others] of [parsed, loaded]) {
      assert.deepEqual(others, []);
      assert.equal(found?.path, "connections.main.credsFile");
      assert.match(found?.problem ?? "", problem);
      assert.match(found?.fix ?? "", fix);
    }
  });
}

test("a bad name in trust is found when trust alone is read", () => {
  const value = { trust: { v1: { ca: "ssm:" } } };

  const found = problemsOf(() => loadTrust(source(value), withSecrets(files, new Map())));

  assert.deepEqual(
    found.map(({ path }) => path),
    ["trust.v1.ca"],
  );
});

test("every setting that names a file may name a secret, and each secret is listed once", () => {
  const config = parseValue({
    ...makeConfigValue({
      connections: {
        main: {
          servers: ["nats://a:4222"],
          credsFile: "ssm:/nats/creds",
          tls: { ca: "ssm:/ca", cert: "c.pem", key: "ssm:/key" },
        },
        other: {
          servers: ["nats://b:4222"],
          user: "bob",
          passwordFile: "secretsmanager:nats#password",
          tls: { ca: "ssm:/ca" },
        },
        third: { servers: ["nats://c:4222"], tokenFile: "secretsmanager:nats#token" },
      },
      trust: { v1: { ca: "ssm:/choria/ca", crl: "ssm:/choria/crl" } },
    }),
  });
  const texts = (value: unknown) => secretNames(value).map(({ text }) => text);

  assert.deepEqual(texts(config), [
    ...["secretsmanager:nats#password", "secretsmanager:nats#token"],
    ...["ssm:/ca", "ssm:/choria/ca", "ssm:/choria/crl", "ssm:/key", "ssm:/nats/creds"],
  ]);
  assert.deepEqual(texts({ trust: config.trust }), ["ssm:/choria/ca", "ssm:/choria/crl"]);
});

test("fetched values stand where files would, beside files", () => {
  const value = { user: "bob", passwordFile: "secretsmanager:nats#password", tls: { ca: "ca.pem" } };
  const values = new Map([["secretsmanager:nats#password", "hunter2\n"]]);
  const config = loadConfig(source(makeConfigValue(connection(value))), withSecrets(files, values));

  const settings = connectionSettings(config, "main", withSecrets(files, values));

  assert.deepEqual(settings.credentials, { type: "userPassword", user: "bob", password: "hunter2" });
  assert.equal(settings.tls?.ca, CA);
});

test("a value of no use is a finding that names the secret and does not show the value", () => {
  const values = new Map([["ssm:/nats/creds", "hunter2"]]);
  const [found, ...others] = findingsIn(connection({ credsFile: "ssm:/nats/creds" }), withSecrets(files, values));

  assert.deepEqual(others, []);
  assert.match(found?.problem ?? "", /does not hold NATS credentials/);
  assert.match(found?.fix ?? "", /^store NATS credentials .* under this name$/);
  assert.doesNotMatch(JSON.stringify(found), /hunter2/);
});

test("a secret that was not fetched is a finding, and never a file of that name", () => {
  const anyFile: ConfigFiles = { file: "test.yaml", read: () => "s3cr3t" };
  const [found] = findingsIn(connection({ tokenFile: "ssm:/token" }), withSecrets(anyFile, new Map()));

  assert.match(found?.problem ?? "", /was not fetched/);
});

test("where secrets are not fetched, a secret is a finding that says so and names the file instead", () => {
  const anyFile: ConfigFiles = { file: "test.yaml", read: () => "s3cr3t" };
  const [found] = findingsIn(connection({ tokenFile: "ssm:/token" }), anyFile);

  assert.match(found?.problem ?? "", /only the Lambda functions fetch/);
  assert.match(found?.fix ?? "", /name a readable file/);
});

test("a file may be called like a secret when it is named with its folder", () => {
  const anyFile: ConfigFiles = { file: "test.yaml", read: () => "s3cr3t" };

  assert.deepEqual(findingsIn(connection({ tokenFile: "./ssm:token" }), anyFile), []);
});

function findingsIn(value: object, given: ConfigFiles) {
  const reader = new FileReader(given);
  for (const use of fileUses(value)) reader.read(use);
  return reader.findings;
}
