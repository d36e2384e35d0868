import type { SecretName } from "../config/secret-name.ts";
import { type AwsAccess, partitionOf } from "./access.ts";
import type { AwsAnswer } from "./call.ts";
import { fieldOf, jsonOf } from "./json.ts";
import type { SecretErrorCode, SecretFailure } from "./secret-error.ts";

/** A secret's value, or why it has none. */
export type SecretResult =
  | { readonly type: "value"; readonly name: string; readonly value: string }
  | ({ readonly type: "failure" } & SecretFailure);

/** The action that a policy has to allow, by store. */
const ACTIONS = { ssm: "ssm:GetParameters", secretsmanager: "secretsmanager:GetSecretValue" } as const;
const MISSING = /^(?:ResourceNotFound|ParameterNotFound)/;
/** Of a key of KMS: its own errors, and those of the store, which name the key's service in the text alone. */
const KMS_ERROR = /^(?:KMS|InvalidKeyId|DecryptionFailure)/;
const KMS_MESSAGE = /perform: kms:|Access to KMS|AWS ?KMS/;

/** What `GetParameters` answered for each of the names. It says in a list of its own which it does not know. */
export function parameterResults(
  names: readonly SecretName[],
  output: unknown,
  access: AwsAccess,
): readonly SecretResult[] {
  const found = typeof output === "object" && output !== null && "Parameters" in output ? output.Parameters : [];
  const parameters: readonly unknown[] = Array.isArray(found) ? found : [];
  return names.map((name) => {
    const parameter = parameters.find((candidate) => fieldOf(candidate, "Name") === name.id);
    if (parameter === undefined) return missing(name, access);
    return textResult(name, fieldOf(parameter, "Value"));
  });
}

/** What `GetSecretValue` answered, for a name that may mean one value of the secret. */
export function secretResult(name: SecretName, output: unknown): SecretResult {
  const text = fieldOf(output, "SecretString");
  if (name.jsonKey === null || text === undefined) return textResult(name, text);
  const value = fieldOf(jsonOf(text), name.jsonKey);
  if (value !== undefined) return textResult(name, value);
  return failure(name, "SECRET_NO_KEY", `the secret is no JSON object with a text under "${name.jsonKey}"`);
}

/** Why AWS gave no answer at all about this name. */
export function refusal(
  name: SecretName,
  answer: Exclude<AwsAnswer, { type: "output" }>,
  access: AwsAccess,
): SecretResult {
  if (answer.type === "unavailable")
    return failure(name, "SECRET_UNAVAILABLE", `not fetched in three tries: ${answer.reason}`);
  const { error, message } = answer;
  if (MISSING.test(error) || message.includes("marked for deletion")) return missing(name, access);
  if (KMS_ERROR.test(error) || KMS_MESSAGE.test(message)) {
    const advice = "allow kms:Decrypt on the key it is encrypted with, and look whether that key is enabled";
    return failure(name, "SECRET_UNDECRYPTABLE", `cannot be decrypted; ${advice}`);
  }
  if (error.startsWith("AccessDenied"))
    return failure(name, "SECRET_DENIED", `access denied; allow ${ACTIONS[name.store]} on ${arnIn(name, access)}`);
  // Not the message: that of a wrong signature quotes the request's headers, and with them the session's token.
  return failure(name, "SECRET_REFUSED", `AWS refused the request (${error})`);
}

function missing(name: SecretName, { region }: AwsAccess): SecretResult {
  const what = name.store === "ssm" ? "parameter" : "secret";
  return failure(name, "SECRET_MISSING", `there is no such ${what} in ${region}; create it, or mend the name`);
}

function textResult(name: SecretName, value: string | undefined): SecretResult {
  if (value !== undefined && value.trim() !== "") return { type: "value", name: name.text, value };
  return failure(name, "SECRET_EMPTY", "holds no text; store the value as text");
}

function failure({ text }: SecretName, code: SecretErrorCode, problem: string): SecretResult {
  return { type: "failure", name: text, code, problem };
}

/** The pattern to allow, as far as the region tells: the account stays open. */
function arnIn({ arn }: SecretName, { region }: AwsAccess): string {
  return arn
    .replace("${AWS::Partition}", partitionOf(region))
    .replace("${AWS::Region}", region)
    .replace("${AWS::AccountId}", "*");
}
