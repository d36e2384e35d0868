import assert from "node:assert/strict";
import test from "node:test";
import { awsAccess } from "../../../shared/aws/access.ts";
import { SecretError } from "../../../shared/aws/secret-error.ts";

const LAMBDA = {
  AWS_REGION: "eu-west-1",
  AWS_ACCESS_KEY_ID: "AKIA",
  AWS_SECRET_ACCESS_KEY: "s3cr3t",
  AWS_SESSION_TOKEN: "t0k3n",
};

test("what Lambda sets is all it takes", () => {
  assert.deepEqual(awsAccess(LAMBDA), {
    region: "eu-west-1",
    accessKeyId: "AKIA",
    secretAccessKey: "s3cr3t",
    sessionToken: "t0k3n",
    endpoints: {
      ssm: "https://ssm.eu-west-1.amazonaws.com",
      secretsmanager: "https://secretsmanager.eu-west-1.amazonaws.com",
    },
  });
});

test("keys of a user come without a session's token", () => {
  assert.equal(awsAccess({ ...LAMBDA, AWS_SESSION_TOKEN: "" }).sessionToken, null);
});

test("AWS_DEFAULT_REGION is second to AWS_REGION", () => {
  assert.equal(awsAccess({ ...LAMBDA, AWS_DEFAULT_REGION: "us-east-2" }).region, "eu-west-1");
  assert.equal(awsAccess({ ...LAMBDA, AWS_REGION: undefined, AWS_DEFAULT_REGION: "us-east-2" }).region, "us-east-2");
});

for (const [given, ssm, secretsmanager] of [
  [{ AWS_ENDPOINT_URL: "http://a:1" }, "http://a:1", "http://a:1"],
  [{ AWS_ENDPOINT_URL: "http://a:1", AWS_ENDPOINT_URL_SSM: "http://b:2" }, "http://b:2", "http://a:1"],
  [{ AWS_ENDPOINT_URL_SECRETS_MANAGER: "http://c:3" }, "https://ssm.eu-west-1.amazonaws.com", "http://c:3"],
  [
    { AWS_REGION: "cn-north-1" },
    "https://ssm.cn-north-1.amazonaws.com.cn",
    "https://secretsmanager.cn-north-1.amazonaws.com.cn",
  ],
] as const) {
  test(`endpoints with ${JSON.stringify(given)}`, () => {
    assert.deepEqual(awsAccess({ ...LAMBDA, ...given }).endpoints, { ssm, secretsmanager });
  });
}

for (const [changed, message] of [
  [{ AWS_REGION: "" }, /without AWS_REGION in the environment/],
  [{ AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: "" }, /without AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY in/],
  [{ AWS_ENDPOINT_URL_SSM: "localhost:4566" }, /^AWS_ENDPOINT_URL_SSM is no http or https URL/],
  [{ AWS_ENDPOINT_URL: "nowhere" }, /^AWS_ENDPOINT_URL is no http or https URL/],
  [{ AWS_SECRET_ACCESS_KEY: "s3cr3t\ns3cr3t" }, /spaces or line breaks/],
  [{ AWS_SESSION_TOKEN: "t0k3n s3cr3t" }, /spaces or line breaks/],
] as const) {
  test(`${JSON.stringify(changed)} is refused in one line that shows no key`, () => {
    assert.throws(
      () => awsAccess({ ...LAMBDA, ...changed }),
      (error) => {
        assert.ok(error instanceof SecretError, String(error));
        assert.equal(error.code, "SECRET_NO_ACCESS");
        assert.match(error.message, message);
        assert.doesNotMatch(error.message, /\n|s3cr3t|t0k3n/);
        return true;
      },
    );
  });
}
