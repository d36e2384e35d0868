import assert from "node:assert/strict";
import test from "node:test";
import type { SecretErrorCode } from "../../../shared/aws/secret-error.ts";
import { fetchSecrets } from "../../../shared/aws/secrets.ts";
import { ACCESS, type Answer, denied, failureOf, named, refused, scriptedAws } from "../../support/scripted-aws.ts";

interface Refusal {
  readonly answer: Answer;
  readonly code: SecretErrorCode;
  readonly message: RegExp;
  readonly secret?: string;
}

const REFUSALS: Readonly<Record<string, Refusal>> = {
  "a parameter that is not there": {
    answer: { body: { Parameters: [], InvalidParameters: ["/a"] } },
    code: "SECRET_MISSING",
    message: /^ssm:\/a: there is no such parameter in eu-west-1; /,
  },
  "an answer without parameters": { answer: { body: {} }, code: "SECRET_MISSING", message: /^ssm:\/a: / },
  "a secret that is not there": {
    secret: "secretsmanager:db#password",
    answer: refused("ResourceNotFoundException", "Secrets Manager can't find the specified secret."),
    code: "SECRET_MISSING",
    message: /^secretsmanager:db#password: there is no such secret in eu-west-1; /,
  },
  "a secret that is being deleted": {
    secret: "secretsmanager:db",
    answer: refused("InvalidRequestException", "because it was marked for deletion."),
    code: "SECRET_MISSING",
    message: /^secretsmanager:db: /,
  },
  "a parameter that may not be read": {
    answer: denied("ssm:GetParameters"),
    code: "SECRET_DENIED",
    message: /^ssm:\/a: access denied; allow ssm:GetParameters on arn:aws:ssm:eu-west-1:\*:parameter\/a$/,
  },
  "a secret that may not be read": {
    secret: "secretsmanager:db",
    answer: denied("secretsmanager:GetSecretValue"),
    code: "SECRET_DENIED",
    message: /allow secretsmanager:GetSecretValue on arn:aws:secretsmanager:eu-west-1:\*:secret:db-\?{6}$/,
  },
  "a key that may not be used": {
    answer: denied("kms:Decrypt"),
    code: "SECRET_UNDECRYPTABLE",
    message: /^ssm:\/a: cannot be decrypted; allow kms:Decrypt /,
  },
  "a key that is gone": {
    answer: refused("com.amazonaws.ssm#InvalidKeyId", "The ciphertext refers to a customer master key that …"),
    code: "SECRET_UNDECRYPTABLE",
    message: /^ssm:\/a: cannot be decrypted/,
  },
  "a secret whose key may not be used": {
    secret: "secretsmanager:db",
    answer: refused("AccessDeniedException", "Access to KMS is not allowed"),
    code: "SECRET_UNDECRYPTABLE",
    message: /^secretsmanager:db: cannot be decrypted/,
  },
  "a wrong signature, whose message quotes headers": {
    answer: refused("InvalidSignatureException", "The Canonical String …\nx-amz-security-token:t0k3n", 403),
    code: "SECRET_REFUSED",
    message: /^ssm:\/a: AWS refused the request \(InvalidSignatureException\)$/,
  },
  "an error that only a header names": {
    answer: {
      status: 400,
      body: "",
      headers: { "x-amzn-errortype": "AccessDeniedException:http://internal.amazon.com/" },
    },
    code: "SECRET_DENIED",
    message: /^ssm:\/a: access denied/,
  },
  "an error that nothing names": {
    answer: { status: 403, body: "<html>Forbidden</html>" },
    code: "SECRET_REFUSED",
    message: /\(HTTP 403\)$/,
  },
  "a parameter that is blank": {
    answer: { body: { Parameters: [{ Name: "/a", Value: " \n" }] } },
    code: "SECRET_EMPTY",
    message: /^ssm:\/a: holds no text/,
  },
  "a secret that is binary": {
    secret: "secretsmanager:db#password",
    answer: { body: { SecretBinary: "aHVudGVyMg==" } },
    code: "SECRET_EMPTY",
    message: /^secretsmanager:db#password: holds no text/,
  },
  "a secret that is no JSON": {
    secret: "secretsmanager:db#password",
    answer: { body: { SecretString: "s3cr3t" } },
    code: "SECRET_NO_KEY",
    message: /^secretsmanager:db#password: the secret is no JSON object with a text under "password"$/,
  },
  "a secret without the key": {
    secret: "secretsmanager:db#toString",
    answer: { body: { SecretString: '{"password":"s3cr3t"}' } },
    code: "SECRET_NO_KEY",
    message: /under "toString"$/,
  },
};

for (const [name, { answer, code, message, secret = "ssm:/a" }] of Object.entries(REFUSALS)) {
  test(`${name} is ${code}, in one line and without a second try`, async () => {
    const { network, asked } = scriptedAws(() => answer);

    const failure = await failureOf(fetchSecrets(named(secret), ACCESS, network));

    assert.equal(failure.code, code);
    assert.match(failure.message, message);
    assert.deepEqual(failure.secrets, [secret]);
    assert.equal(asked.length, 1);
  });
}
