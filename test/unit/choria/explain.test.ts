import assert from "node:assert/strict";
import { test } from "node:test";
import { explanationFacts, explanationText } from "../../../functions/cli/inspect-text.ts";
import { explain } from "../../../shared/choria/explain/explain.ts";
import { createTrust } from "../../../shared/choria/trust.ts";
import { makeTrustSettings, readVectors, VECTOR_NOW_MS, vectorBytes } from "../../support/vectors.ts";

const trust = createTrust(makeTrustSettings());
const explainVector = (name: string) => explain(vectorBytes(name), "auto", trust, VECTOR_NOW_MS);

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
    const { kind } = await explain(Buffer.from(vector.raw, "base64"), "auto", trust, VECTOR_NOW_MS);
    assert.equal(kind, vector.kind, vector.name);
  }
});

test("whatever is wrong with a message, it is explained, without control characters", async () => {
  for (const vector of readVectors()) {
    const text = explanationText(await explain(Buffer.from(vector.raw, "base64"), "auto", trust, VECTOR_NOW_MS));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
    assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f]/, vector.name);
  }
});
