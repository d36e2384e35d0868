import assert from "node:assert/strict";
import { test } from "node:test";
import { composeV1Request } from "../../../shared/choria/compose.ts";
import { judge } from "../../../shared/choria/judge.ts";
import type { IngestKind, Kind } from "../../../shared/choria/message.ts";
import { NOBODY } from "../../../shared/choria/rules/deny.ts";
import type { DenySettings } from "../../../shared/choria/settings.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { validate } from "../../../shared/choria/validate.ts";
import {
  makeFields,
  makeTrustSettings,
  VECTOR_NOW_MS,
  v1Credential,
  vectorBytes,
  vectorFile,
} from "../../support/vectors.ts";

interface TokenFacts {
  readonly jti: string;
  readonly public_key: string;
  readonly iss: string;
}

function factsOf(name: string): TokenFacts {
  const [, claims = ""] = vectorFile(`keys/v2-${name}.jwt`).split(".");
  return JSON.parse(Buffer.from(claims, "base64url").toString());
}

const deny = (changes: Partial<DenySettings>): DenySettings => ({ ...NOBODY, ...changes });
const trustOf = (denied: DenySettings) =>
  createTrust(makeTrustSettings({ deny: denied, v2: { requireSignedReplies: false } }));

async function verdictOn(vector: string, kind: Kind, denied: DenySettings) {
  const verdict = await validate(vectorBytes(vector), kind, trustOf(denied), VECTOR_NOW_MS);
  return verdict.ok ? { code: "ok", detail: "" } : verdict.rejection;
}

const chainIssuer = factsOf("chain-issuer");
const cases: readonly [what: string, vector: string, kind: Kind, denied: DenySettings][] = [
  ["a v1 caller's name", "v1-request-valid", "request", deny({ identities: ["rip.mcollective"] })],
  ["whom a privileged v1 certificate names", "v1-privileged-any-caller", "request", deny({ identities: ["bob@x"] })],
  ["a v1 node", "v1-registration-inventory-gz", "registration", deny({ identities: ["node1.example.net"] })],
  ["the sender of a v1 reply", "v1-reply-valid", "reply", deny({ identities: ["node1.example.net"] })],
  ["a v2 token's id", "v2-request-valid", "request", deny({ tokens: [factsOf("client").jti] })],
  ["a v2 holder's key", "v2-request-valid", "request", deny({ publicKeys: [factsOf("client").public_key] })],
  [
    "a v2 holder's key in capitals",
    "v2-request-valid",
    "request",
    deny({ publicKeys: [factsOf("client").public_key.toUpperCase()] }),
  ],
  ["a v2 caller's name", "v2-request-valid", "request", deny({ identities: ["rip"] })],
  [
    "the organisation's key",
    "v2-request-valid",
    "request",
    deny({ publicKeys: [vectorFile("keys/v2-org.pub").trim()] }),
  ],
  ["a chain issuer's key", "v2-request-valid-chain", "request", deny({ publicKeys: [chainIssuer.public_key] })],
  ["a chain issuer's token", "v2-request-valid-chain", "request", deny({ tokens: [chainIssuer.jti] })],
  ["a v2 node", "v2-registration-inventory-gz", "registration", deny({ identities: ["node1.example.net"] })],
  ["a v2 node's token", "v2-registration-inventory-gz", "registration", deny({ tokens: [factsOf("server").jti] })],
  ["a v2 reply's token", "v2-reply-valid-signed", "reply", deny({ tokens: [factsOf("server").jti] })],
  ["the sender of an unsigned v2 reply", "v2-reply-unsigned", "reply", deny({ identities: ["node1.example.net"] })],
  ["the caller behind a delegator", "v2-delegated-valid", "request", deny({ identities: ["rip"] })],
  ["a delegator's token", "v2-delegated-valid", "request", deny({ tokens: [factsOf("delegator").jti] })],
  ["a delegator's name", "v2-delegated-valid", "request", deny({ identities: ["aaa-signer"] })],
];

for (const [what, vector, kind, denied] of cases) {
  test(`denied: ${what}`, async () => {
    assert.equal((await verdictOn(vector, kind, NOBODY)).code, "ok");

    const { code, detail } = await verdictOn(vector, kind, denied);

    assert.equal(code, "denied", detail);
    assert.match(detail, / is on the deny list$/);
    for (const key of denied.publicKeys) assert.ok(!detail.includes(key), "a detail holds no key");
  });
}

test("a privileged certificate is denied by its own name, whatever caller it names", async () => {
  const { code } = await verdictOn(
    "v1-privileged-any-caller",
    "request",
    deny({ identities: ["aaa.privileged.mcollective"] }),
  );
  assert.equal(code, "denied");
});

test("a request is denied by the host that it names, although nothing proves that", async () => {
  const raw = composeV1Request(makeFields(), v1Credential("client"));
  const verdict = await validate(raw, "request", trustOf(deny({ identities: ["shell.example.net"] })), VECTOR_NOW_MS);
  assert.equal(verdict.ok ? "ok" : verdict.rejection.code, "denied");
});

test("an entry denies by its whole name: not a part of one, nor one in other letters", async () => {
  const others = deny({
    identities: ["mcollective", "rip", "RIP.mcollective", "choria=rip.mcollective"],
    tokens: ["x"],
  });
  assert.equal((await verdictOn("v1-request-valid", "request", others)).code, "ok");
});

test("what is denied is refused although its proof was remembered before the deny list was read again", async () => {
  const settings = makeTrustSettings();
  const before = createTrust(settings);
  const raw = vectorBytes("v2-request-valid");
  const first = await validate(raw, "request", before, VECTOR_NOW_MS);
  const after = createTrust({ ...settings, deny: deny({ publicKeys: [factsOf("client").public_key] }) });

  const verdicts = [
    await validate(raw, "request", after, VECTOR_NOW_MS),
    await validate(raw, "request", after, VECTOR_NOW_MS),
  ];

  assert.deepEqual([first.ok, before.v2?.proven.size], [true, 1]);
  assert.deepEqual(
    verdicts.map((verdict) => (verdict.ok ? "ok" : verdict.rejection.code)),
    ["denied", "denied"],
  );
  assert.equal(after.v2?.proven.size, 0, "what is denied is not remembered");
});

test("a forged message of a denied name is called forged, not denied", async () => {
  const { code } = await verdictOn("v2-token-tampered-claims", "request", deny({ identities: ["rip"] }));
  assert.equal(code, "token_signature");
});

const event = (identity: string) =>
  JSON.stringify({ protocol: "io.choria.lifecycle.v1.startup", id: "a", identity, component: "server", timestamp: 1 });

for (const [identity, code] of [
  ["node1.example.net", "denied"],
  ["node2.example.net", "ok"],
] as const) {
  test(`an unsigned event of ${identity} gives ${code} when node1.example.net is denied`, async () => {
    const wire = {
      subject: "choria.lifecycle.event",
      data: Buffer.from(event(identity)),
      headers: () => [],
      arrivalId: "1",
    };
    const kind: IngestKind = "event";
    const moment = { receivedAtMs: VECTOR_NOW_MS, nowMs: VECTOR_NOW_MS };
    const verdict = await judge(wire, kind, trustOf(deny({ identities: ["node1.example.net"] })), moment);
    assert.equal(verdict.ok ? "ok" : verdict.rejection.code, code);
  });
}
