import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explanationFacts, explanationText } from "../../../functions/cli/inspect-text.ts";
import { signV2 } from "../../../shared/choria/compose.ts";
import { bareMessage, explain } from "../../../shared/choria/explain/explain.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { makeTrustSettings, readVectors, VECTOR_NOW_MS, v2Credential, vectorBytes } from "../../support/vectors.ts";

const trust = createTrust(makeTrustSettings());
const explainVector = (name: string) => explain(bareMessage(vectorBytes(name)), "auto", trust, VECTOR_NOW_MS);

test("a refused certificate is shown beside the CAs it would have to come from, with what to do", async () => {
  const text = explanationText(await explainVector("v1-wrong-ca"));
  assert.match(text, /certificate\n {2}subject +.*rip\.mcollective/);
  assert.match(text, /configuredCas +.*Vector CA/);
  assert.match(text, /REJECTED as request: untrusted_cert[\s\S]*what to do: /);
});

test("a token is shown by its claims", async () => {
  const { layers } = explanationFacts(await explainVector("v2-registration-chained-server"));
  const { token } = layers as { token: Record<string, unknown> };
  assert.equal(token["purpose"], "choria_server");
  assert.equal(token["issuedBy"], "a chain issuer of the organisation");
  assert.deepEqual(token["configuredIssuers"], ["choria"]);
});

test("every vector's own kind is found in the message, as far as it says", async () => {
  for (const vector of readVectors().filter(({ expect }) => expect === "accept")) {
    const { kind } = await explain(bareMessage(Buffer.from(vector.raw, "base64")), "auto", trust, VECTOR_NOW_MS);
    assert.equal(kind, vector.kind, vector.name);
  }
});

test("whatever is wrong with a message, it is explained, without control characters", async () => {
  for (const vector of readVectors()) {
    const text = explanationText(
      await explain(bareMessage(Buffer.from(vector.raw, "base64")), "auto", trust, VECTOR_NOW_MS),
    );
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/, vector.name);
  }
});

/** JSON that turns against whoever makes a text of it. */
const awkward = fc.oneof(
  fc.jsonValue(),
  fc.constant([{ toString: 1, valueOf: 1 }]),
  fc.constant({ toString: 1, valueOf: 1 }),
  fc.constant(JSON.parse(`${"[".repeat(50_000)}${"]".repeat(50_000)}`)),
);
const base64 = (text: string) => Buffer.from(text).toString("base64");

/** `JSON.stringify` cannot write what is nested this deep; the place of a value that it can is taken instead. */
function write(fields: Readonly<Record<string, unknown>>): string {
  const entries = Object.entries(fields).map(([name, value]) => `${JSON.stringify(name)}:${text(value)}`);
  return `{${entries.join(",")}}`;
}

function text(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch {
    return `${"[".repeat(50_000)}${"]".repeat(50_000)}`;
  }
}

test("whatever stands where a text belongs, the message is explained", async () => {
  const pair = fc.tuple(awkward, awkward);
  await fc.assert(
    fc.asyncProperty(pair, pair, pair, async ([protocol, sender], [inner, time], [caller, pubcert]) => {
      const message = write({ protocol: inner, envelope: time, sender, caller, collective: sender, time });
      const secure = write({ protocol, message, signature: "AAAA", pubcert, caller, signer: sender });
      const raw = write({ protocol: inner, data: base64(secure), headers: { mc_sender: [caller, "x"] } });
      const lines = explanationText(await explain(bareMessage(Buffer.from(raw)), "auto", trust, VECTOR_NOW_MS));
      assert.match(lines, /REJECTED/);
    }),
  );
});

test("a damaged certificate is explained, whichever byte is changed", async () => {
  const transport = JSON.parse(vectorBytes("v1-request-valid").toString());
  const secure = JSON.parse(Buffer.from(transport.data, "base64").toString());
  const der = Buffer.from(secure.pubcert.replace(/-----[^-]+-----/g, ""), "base64");
  for (let at = 0; at < der.length; at++) {
    const damaged = Buffer.from(der);
    damaged[at]! ^= 0x01;
    const pubcert = `-----BEGIN CERTIFICATE-----\n${damaged.toString("base64")}\n-----END CERTIFICATE-----\n`;
    const data = base64(JSON.stringify({ ...secure, pubcert }));
    const raw = Buffer.from(JSON.stringify({ ...transport, data }));
    assert.equal((await explain(bareMessage(raw), "request", trust, VECTOR_NOW_MS)).verdict.ok, false, `byte ${at}`);
  }
});

test("a list of a hundred thousand names is cut short", async () => {
  const headers = { mc_sender: Array(100_000).fill("node") };
  const raw = Buffer.from(JSON.stringify({ protocol: "choria:transport:1", data: "", headers }));
  const lines = explanationText(await explain(bareMessage(raw), "auto", trust, VECTOR_NOW_MS));
  assert.match(lines, /node, and 99980 more/);
});

test("what is no message of Choria's protocol is explained by its subject and headers, the token by its claims", async () => {
  const { token, privateKey } = v2Credential("server");
  const headers = [
    ["Choria-Token", token],
    ["Choria-Signature", signV2("x", privateKey).toString("hex")],
  ] as const;
  const recorded = { ...bareMessage(Buffer.from("x"), "mcollective.submission.in.audit"), headers: () => headers };

  const explanation = await explain(recorded, "submission", trust, VECTOR_NOW_MS);

  const text = explanationText(explanation);
  assert.match(text, /subject +mcollective\.submission\.in\.audit/);
  assert.match(text, /headers +Choria-Token, Choria-Signature/);
  assert.match(text, /identity +node1\.example\.net/);
  assert.match(text, /accepted as submission: ok\n {2}proof payload; sender node1\.example\.net is proven/);
  assert.ok(!text.includes(token));
});
