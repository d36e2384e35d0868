/** A secret that a configuration names where a file could stand. */
export interface SecretName {
  /** As it is written: `ssm:/choria/nats.creds`, `secretsmanager:choria#password`. */
  readonly text: string;
  readonly store: "ssm" | "secretsmanager";
  /** What the store calls it: a parameter's path, a secret's name or ARN. */
  readonly id: string;
  /** Of a secret that is a JSON object, the key whose value is meant; null for the whole of it. */
  readonly jsonKey: string | null;
  /**
   * What a policy has to allow to be read, as an ARN. What only the deployment knows is written as CloudFormation's
   * `Fn::Sub` replaces it: `${AWS::Partition}`, `${AWS::Region}`, `${AWS::AccountId}`.
   */
  readonly arn: string;
}

/** Letters, digits, "." "_" "-", in up to 15 levels that begin with "/" each, or in one without: the rule of AWS. */
const PARAMETER = /^(?:(?:\/[\w.-]+){1,15}|[\w.-]+)$/;
const SECRET = /^[\w/+=.@-]{1,512}$/;
/** Only whole: of a name that is cut off, Secrets Manager and IAM have different opinions. */
const SECRET_ARN = /^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:\d{12}:secret:[\w/+=.@-]+-[A-Za-z0-9]{6}$/;
const HERE = "${AWS::Region}:${AWS::AccountId}";

/** Whether a text that may name a file names a secret: no file can be meant by it, unless written as `./ssm:…`. */
export function isSecretName(text: string): boolean {
  return text.startsWith("ssm:") || text.startsWith("secretsmanager:");
}

/** Null when no parameter or secret can have that name; `secretNameRule` says why. */
export function parseSecretName(text: string): SecretName | null {
  const name = text.slice(text.indexOf(":") + 1);
  if (text.startsWith("ssm:")) return PARAMETER.test(name) ? parameter(text, name) : null;
  if (!text.startsWith("secretsmanager:")) return null;
  const [, id = "", jsonKey = null] = /^([^#]*)(?:#(.+))?$/.exec(name) ?? [];
  if (SECRET_ARN.test(id)) return { text, store: "secretsmanager", id, jsonKey, arn: id };
  return SECRET.test(id) ? secret(text, id, jsonKey) : null;
}

/** How the name of a secret is written: the fix for one that is not. */
export function secretNameRule(text: string): string {
  return text.startsWith("ssm:")
    ? 'write ssm:/path/of/parameter, with letters, digits, ".", "_" and "-" between the slashes'
    : "write secretsmanager:name or the secret's whole ARN there, and #key for one value of a JSON secret";
}

function parameter(text: string, id: string): SecretName {
  const path = id.startsWith("/") ? id : `/${id}`;
  return { text, store: "ssm", id, jsonKey: null, arn: `arn:\${AWS::Partition}:ssm:${HERE}:parameter${path}` };
}

/** Secrets Manager adds "-" and six characters to the ARN of every secret; the pattern lets no longer name in. */
function secret(text: string, id: string, jsonKey: string | null): SecretName {
  const arn = `arn:\${AWS::Partition}:secretsmanager:${HERE}:secret:${id}-??????`;
  return { text, store: "secretsmanager", id, jsonKey, arn };
}
