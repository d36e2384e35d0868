import assert from "node:assert/strict";
import { test } from "node:test";
import {
  credentialExpiries,
  expiryState,
  firstExpiry,
  userJwtTimes,
} from "../../../shared/jetstream/credential-expiry.ts";
import type { ConnectionCredentials, ConnectionSecrets } from "../../../shared/jetstream/spec.ts";
import { makeTlsAuthority } from "../../support/tls.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const SIGNED: ConnectionCredentials = {
  type: "signedToken",
  token: "t",
  holder: "choria=bridge",
  inboxPrefix: "c.reply.x",
  issuedAtMs: 0,
  expiresAtMs: HOUR_MS,
  sign: () => "",
};

function makeCreds(claims: object): string {
  const jwt = ["e30", Buffer.from(JSON.stringify(claims)).toString("base64url"), "c2ln"].join(".");
  return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n`;
}

test("the first end of certificate and token counts", async () => {
  const authority = await makeTlsAuthority();
  const notAfter = new Date(Math.floor(Date.now() / 1_000) * 1_000 + 5_000);
  const tls = { ca: authority.ca, ...(await authority.issue("bridge", notAfter)) };
  const both = (expiresAtMs: number): ConnectionSecrets => ({ tls, credentials: { ...SIGNED, expiresAtMs } });

  assert.deepEqual(
    credentialExpiries(both(HOUR_MS)).map(({ what }) => what),
    ['client certificate "CN=bridge"', "token of choria=bridge"],
  );
  assert.equal(firstExpiry(both(HOUR_MS))?.endsAtMs, HOUR_MS);
  assert.equal(firstExpiry(both(notAfter.getTime() + 1))?.endsAtMs, notAfter.getTime());
});

test("passwords, tokens, nkeys and endless JWTs do not end", () => {
  const endless: readonly ConnectionCredentials[] = [
    { type: "none" },
    { type: "userPassword", user: "u", password: "p" },
    { type: "token", token: "t" },
    { type: "nkey", seed: "S" },
    { type: "creds", creds: makeCreds({ exp: 0 }) },
    { type: "creds", creds: "nothing of the kind" },
  ];

  for (const credentials of endless) assert.equal(firstExpiry({ tls: null, credentials }), null, credentials.type);
});

test("the times of a NATS user JWT are read from its file", () => {
  assert.deepEqual(userJwtTimes(makeCreds({ iat: 10, exp: 20 })), { startsAtMs: 10_000, endsAtMs: 20_000 });
  assert.deepEqual(userJwtTimes(makeCreds({ sub: "U" })), { startsAtMs: null, endsAtMs: null });
  assert.equal(userJwtTimes("nothing of the kind"), null);
});

test("a credential ends soon in the last tenth of its time, and in the last 14 days of a long one", () => {
  const hour = { what: "", startsAtMs: 0, endsAtMs: HOUR_MS };
  const year = { what: "", startsAtMs: 0, endsAtMs: 365 * DAY_MS };
  const unknown = { what: "", startsAtMs: null, endsAtMs: 365 * DAY_MS };

  assert.equal(expiryState(hour, HOUR_MS * 0.89), "valid");
  assert.equal(expiryState(hour, HOUR_MS * 0.9), "soon");
  assert.equal(expiryState(hour, HOUR_MS), "expired");
  for (const long of [year, unknown]) {
    assert.equal(expiryState(long, 351 * DAY_MS - 1), "valid");
    assert.equal(expiryState(long, 351 * DAY_MS), "soon");
  }
  assert.equal(expiryState({ what: "", startsAtMs: 0, endsAtMs: null }, 1e15), "valid");
});
