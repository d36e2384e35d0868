import assert from "node:assert/strict";
import { after, test } from "node:test";
import { AwsClient } from "aws4fetch";
import { type AwsAccess, awsAccess } from "../../shared/aws/access.ts";
import { callAws, NETWORK, type Network } from "../../shared/aws/call.ts";
import { SecretError } from "../../shared/aws/secret-error.ts";
import { fetchSecrets } from "../../shared/aws/secrets.ts";
import { secretNames } from "../../shared/config/secrets.ts";
import { startMoto } from "../support/moto.ts";

/** A busy machine may take its time; that a slow answer is given up is a unit test. */
const network: Network = { ...NETWORK, limit: () => AbortSignal.timeout(60_000) };

const moto = await startMoto({ after });
const access = awsAccess(moto.env);

test("a String and a SecureString parameter are read decrypted", async () => {
  await putParameter("/plain/ca", "String", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n");
  await putParameter("/secure/password", "SecureString", "hunter2 \u00e4\n");

  const values = await fetched("ssm:/plain/ca", "ssm:/secure/password");

  assert.deepEqual(values, {
    "ssm:/plain/ca": "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n",
    "ssm:/secure/password": "hunter2 \u00e4\n",
  });
});

test("a secret of Secrets Manager is read as it is, by name and by ARN, and by the keys of its JSON object", async () => {
  await createSecret("choria/token", "s3cr3t");
  const arn = await createSecret("choria/db", '{"user":"bob","password":"hunter2"}');

  const values = await fetched(
    ...["secretsmanager:choria/token", "secretsmanager:choria/db", "secretsmanager:choria/db#user"],
    ...[`secretsmanager:${arn}#password`],
  );

  assert.deepEqual(values, {
    "secretsmanager:choria/token": "s3cr3t",
    "secretsmanager:choria/db": '{"user":"bob","password":"hunter2"}',
    "secretsmanager:choria/db#user": "bob",
    [`secretsmanager:${arn}#password`]: "hunter2",
  });
});

test("25 parameters are read", async () => {
  const paths = Array.from({ length: 25 }, (_, index) => `/many/${index}`);
  await Promise.all(paths.map((path) => putParameter(path, "SecureString", `value of ${path}`)));

  const values = await fetched(...paths.map((path) => `ssm:${path}`));

  assert.deepEqual(values, Object.fromEntries(paths.map((path) => [`ssm:${path}`, `value of ${path}`])));
});

test("all that is missing is named in one line, of both stores", async () => {
  await putParameter("/there", "String", "x");

  await assert.rejects(fetched("ssm:/there", "ssm:/absent/a", "ssm:/absent/b", "secretsmanager:absent#key"), {
    name: "SecretError",
    code: "SECRET_MISSING",
    message:
      "ssm:/absent/a, ssm:/absent/b: there is no such parameter in us-east-1; create it, or mend the name; " +
      "secretsmanager:absent#key: there is no such secret in us-east-1; create it, or mend the name",
  });
});

test("a secret that is no text, or has no such key, is named without its value", async () => {
  await createSecret("choria/json", '{"user":"bob","port":4222}');
  await createSecret("choria/text", "hunter2");

  for (const name of ["secretsmanager:choria/json#port", "secretsmanager:choria/text#password"]) {
    await assert.rejects(fetched(name), (error) => {
      assert.ok(error instanceof SecretError, String(error));
      assert.equal(error.code, "SECRET_NO_KEY");
      assert.ok(error.message.startsWith(`${name}: `), error.message);
      assert.doesNotMatch(error.message, /hunter2|4222|bob/);
      return true;
    });
  }
});

// Checks signatures and policies from here on; the last test, because the others have no user.
test("the signature is what AWS computes, and a wrong key is refused", async () => {
  await putParameter("/signed/a", "SecureString", "value a");
  await createSecret("signed", "value b");
  const keys = await makeUser(["ssm:GetParameters", "secretsmanager:GetSecretValue"]);
  await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: "POST", body: "0" });

  const own = { ...access, ...keys };
  const names = secretNames(tokens("ssm:/signed/a", "secretsmanager:signed"));
  assert.deepEqual([...(await fetchSecrets(names, own, network)).values()], ["value a", "value b"]);

  const wrong = { ...own, secretAccessKey: "x".repeat(40) };
  await assert.rejects(fetchSecrets(names, wrong, network), { code: "SECRET_REFUSED" });
});

async function fetched(...names: readonly string[]): Promise<Record<string, string>> {
  return Object.fromEntries(await fetchSecrets(secretNames(tokens(...names)), access, network));
}

/** A configuration with a connection for each name. */
function tokens(...names: readonly string[]): object {
  return { connections: Object.fromEntries(names.map((tokenFile, index) => [`c${index}`, { tokenFile }])) };
}

async function putParameter(path: string, type: "String" | "SecureString", value: string): Promise<void> {
  await call("ssm", "AmazonSSM.PutParameter", { Name: path, Type: type, Value: value });
}

async function createSecret(name: string, text: string): Promise<string> {
  const created = await call("secretsmanager", "secretsmanager.CreateSecret", { Name: name, SecretString: text });
  return (created as { readonly ARN: string }).ARN;
}

async function call(store: "ssm" | "secretsmanager", target: string, input: object): Promise<unknown> {
  const answer = await callAws({ store, target, input }, access, network);
  assert.ok(answer.type === "output", JSON.stringify(answer));
  return answer.output;
}

/** A user who may do this and nothing else. */
async function makeUser(actions: readonly string[]): Promise<Pick<AwsAccess, "accessKeyId" | "secretAccessKey">> {
  const policy = { Version: "2012-10-17", Statement: [{ Effect: "Allow", Action: actions, Resource: "*" }] };
  await iam({ Action: "CreateUser", UserName: "lambda" });
  await iam({
    ...{ Action: "PutUserPolicy", UserName: "lambda", PolicyName: "secrets", PolicyDocument: JSON.stringify(policy) },
  });
  const made = await iam({ Action: "CreateAccessKey", UserName: "lambda" });
  const text = (tag: string): string => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(made)?.[1] ?? "";
  return { accessKeyId: text("AccessKeyId"), secretAccessKey: text("SecretAccessKey") };
}

async function iam(parameters: Record<string, string>): Promise<string> {
  const client = new AwsClient({ ...access, sessionToken: "", service: "iam" });
  const body = new URLSearchParams({ ...parameters, Version: "2010-05-08" }).toString();
  const headers = { "Content-Type": "application/x-www-form-urlencoded" };
  const response = await fetch(await client.sign(moto.endpoint, { method: "POST", body, headers }));
  const text = await response.text();
  assert.ok(response.ok, text);
  return text;
}
