import assert from "node:assert/strict";
import { test } from "node:test";
import { credentialLines } from "../../../functions/cli/doctor/credentials.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import type { ConnectionSettings } from "../../../shared/jetstream/spec.ts";
import { caExtension, issue, issueList, makePair } from "../../support/certificates.ts";
import { makeTlsAuthority } from "../../support/tls.ts";
import { makeTrustSettings, VECTOR_NOW_MS } from "../../support/vectors.ts";

const DAY_MS = 86_400_000;
const NO_V1 = createTrust({ ...makeTrustSettings(), v1: null });

function makeCreds(claims: object): string {
  const jwt = ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), "c2ln"].join(".");
  return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\nSUAEXAMPLESEED\n------END USER NKEY SEED------\n`;
}

function makeConnection(overrides: Partial<ConnectionSettings>): Record<string, ConnectionSettings> {
  const main = { name: "main", servers: ["nats://localhost"], tls: null, credentials: { type: "none" as const } };
  return { main: { ...main, ...overrides } };
}

function levelsAt(nowMs: number, expMs: number): readonly string[] {
  const creds = makeCreds({ exp: expMs / 1_000 });
  const lines = credentialLines(makeConnection({ credentials: { type: "creds", creds } }), NO_V1, nowMs);
  return lines.map(({ level }) => level);
}

test("a user JWT is fine, then soon to be renewed, then expired", () => {
  const expMs = VECTOR_NOW_MS;

  assert.deepEqual(levelsAt(expMs - 30 * DAY_MS, expMs), ["ok"]);
  assert.deepEqual(levelsAt(expMs - DAY_MS, expMs), ["warn"]);
  assert.deepEqual(levelsAt(expMs, expMs), ["fail"]);
});

test("nothing of the secret part of credentials is shown", () => {
  const creds = makeCreds({ exp: 1 });

  const lines = credentialLines(makeConnection({ credentials: { type: "creds", creds } }), NO_V1, VECTOR_NOW_MS);

  assert.doesNotMatch(JSON.stringify(lines), /SUAEXAMPLESEED|e30\./);
});

test("client certificate and CA of a connection are both looked at", async () => {
  const authority = await makeTlsAuthority(); // valid from yesterday to tomorrow
  const { cert, key } = await authority.issue("client");
  const connections = makeConnection({ tls: { ca: authority.ca, cert, key } });

  const today = credentialLines(connections, NO_V1, Date.now());
  const later = credentialLines(connections, NO_V1, Date.now() + 3 * DAY_MS);

  assert.deepEqual(
    today.map(({ level, text }) => [level, text.slice(0, text.indexOf(" is "))]),
    [
      ["warn", 'client certificate "CN=client"'],
      ["warn", 'CA certificate "CN=Test CA"'],
    ],
  );
  assert.deepEqual(
    later.map(({ level }) => level),
    ["fail", "fail"],
  );
});

test("a CA that has expired fails only while no other one of the bundle is valid; an overdue revocation list fails", async () => {
  const [old, current] = await Promise.all([makePair(), makePair()]);
  const ca = (name: string, holder: typeof old, notAfter: Date) =>
    issue({ subject: name, holder, issuer: name, signer: holder, extensions: [caExtension()], notAfter });
  const caPem = [
    await ca("CN=Old", old, new Date(VECTOR_NOW_MS - 1_000)),
    await ca("CN=Current", current, new Date(VECTOR_NOW_MS + 90 * DAY_MS)),
  ].join("\n");
  const crlPem = await issueList({ issuer: "CN=Current", signer: current, serialNumber: "0b", dueInMs: -1_000 });

  const trust = createTrust(makeTrustSettings({ v1: { caPem, crlPem } }));

  const lines = credentialLines({}, trust, VECTOR_NOW_MS);
  assert.deepEqual(
    lines.map(({ level, text }) => [level, /"CN=\w+"/.exec(text)?.[0]]),
    [
      ["warn", '"CN=Old"'],
      ["ok", '"CN=Current"'],
      ["fail", '"CN=Current"'],
    ],
  );
});
