import assert from "node:assert/strict";
import test from "node:test";
import { fetchSecrets } from "../../../shared/aws/secrets.ts";
import { ACCESS, denied, everyParameter, failureOf, named, refused, scriptedAws } from "../../support/scripted-aws.ts";

for (const [count, batches] of [
  [0, []],
  [1, [1]],
  [10, [10]],
  [11, [10, 1]],
  [25, [10, 10, 5]],
] as const) {
  test(`${count} parameters are asked for in requests of ${batches.join(", ") || "none"}`, async () => {
    const { network, asked } = scriptedAws(everyParameter);
    const texts = Array.from({ length: count }, (_, index) => `ssm:/a/${index}`);

    const values = await fetchSecrets(named(...texts), ACCESS, network);

    // Signing takes turns, so that requests leave in any order.
    const sizes = asked.map(({ input }) => input.Names?.length ?? 0);
    assert.deepEqual(
      sizes.sort((left, right) => right - left),
      batches,
    );
    assert.deepEqual(
      [...values],
      texts.map((text, index) => [text, `value of /a/${index}`]),
    );
  });
}

test("a request is signed for its service and region, with the session's token", async () => {
  const { network, asked } = scriptedAws(everyParameter);

  await fetchSecrets(named("ssm:/a"), ACCESS, network);

  const [{ url, headers, target, input } = assert.fail("nothing was asked")] = asked;
  assert.equal(url, "https://ssm.eu-west-1.amazonaws.com/");
  assert.equal(target, "AmazonSSM.GetParameters");
  assert.deepEqual(input, { Names: ["/a"], WithDecryption: true });
  assert.equal(headers.get("content-type"), "application/x-amz-json-1.1");
  assert.equal(headers.get("x-amz-security-token"), "t0k3n");
  assert.match(
    headers.get("authorization") ?? "",
    /^AWS4-HMAC-SHA256 Credential=AKIA\/\d{8}\/eu-west-1\/ssm\/aws4_request, SignedHeaders=host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/,
  );
});

test("a name that is given twice is asked for once, and a secret once for all its keys", async () => {
  const { network, asked } = scriptedAws(({ input }) =>
    input.Names ? everyParameter({ input }) : { body: { SecretString: '{"user":"bob","password":"hunter2"}' } },
  );
  const texts = ["ssm:/a", "ssm:/a", "secretsmanager:db#user", "secretsmanager:db#password", "secretsmanager:db"];

  const values = await fetchSecrets(named(...texts), ACCESS, network);

  assert.deepEqual(asked.map(({ input }) => JSON.stringify(input)).sort(), [
    '{"Names":["/a"],"WithDecryption":true}',
    '{"SecretId":"db"}',
  ]);
  assert.deepEqual(Object.fromEntries(values), {
    "ssm:/a": "value of /a",
    "secretsmanager:db#user": "bob",
    "secretsmanager:db#password": "hunter2",
    "secretsmanager:db": '{"user":"bob","password":"hunter2"}',
  });
});

test("of a batch that is refused as a whole, only those that are to blame are named", async () => {
  const { network } = scriptedAws((asked) =>
    asked.input.Names?.includes("/b") ? denied("ssm:GetParameters") : everyParameter(asked),
  );

  const failure = await failureOf(fetchSecrets(named("ssm:/a", "ssm:/b", "ssm:/c"), ACCESS, network));

  assert.deepEqual(failure.secrets, ["ssm:/b"]);
});

test("failures of several kinds come together, those alike in one sentence", async () => {
  const { network } = scriptedAws(({ input }) =>
    input.Names ? { body: { Parameters: [] } } : refused("AccessDeniedException"),
  );

  const failure = await failureOf(fetchSecrets(named("ssm:/a", "secretsmanager:x", "ssm:/b"), ACCESS, network));

  assert.equal(failure.code, "SECRET_MISSING");
  assert.match(failure.message, /^ssm:\/a, ssm:\/b: there is no such parameter .*; secretsmanager:x: access denied; /);
  assert.deepEqual(failure.secrets, ["ssm:/a", "ssm:/b", "secretsmanager:x"]);
});
