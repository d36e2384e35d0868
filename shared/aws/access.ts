import { SecretError } from "./secret-error.ts";

/** Where secrets are kept, as AWS calls the services. */
export type Store = "ssm" | "secretsmanager";

/** How this process may speak to AWS. */
export interface AwsAccess {
  readonly region: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Null for the keys of a user; those of a role have one. */
  readonly sessionToken: string | null;
  readonly endpoints: Readonly<Record<Store, string>>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Access from the variables that Lambda sets and AWS's own clients read, endpoints included: `AWS_ENDPOINT_URL_SSM`,
 * `AWS_ENDPOINT_URL_SECRETS_MANAGER`, `AWS_ENDPOINT_URL`. Throws `SecretError` naming every variable that is missing.
 */
export function awsAccess(env: Environment): AwsAccess {
  const region = env["AWS_REGION"] || env["AWS_DEFAULT_REGION"];
  const accessKeyId = env["AWS_ACCESS_KEY_ID"];
  const secretAccessKey = env["AWS_SECRET_ACCESS_KEY"];
  if (!region || !accessKeyId || !secretAccessKey) {
    const needed = { AWS_REGION: region, AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const missing = Object.entries(needed).flatMap(([name, value]) => (value ? [] : [name]));
    const message = `secrets cannot be fetched from AWS without ${missing.join(", ")} in the environment; Lambda sets them`;
    throw new SecretError("SECRET_NO_ACCESS", message);
  }
  const sessionToken = env["AWS_SESSION_TOKEN"] || null;
  // A header could not carry it, and the error that says so would quote it.
  const isBroken = [region, accessKeyId, secretAccessKey, sessionToken ?? "x"].some((value) => !/^[!-~]+$/.test(value));
  if (isBroken)
    throw new SecretError(
      "SECRET_NO_ACCESS",
      "the region or the credentials in the environment hold spaces or line breaks",
    );
  const endpoints = {
    ssm: endpoint(env, "AWS_ENDPOINT_URL_SSM", `ssm.${region}`),
    secretsmanager: endpoint(env, "AWS_ENDPOINT_URL_SECRETS_MANAGER", `secretsmanager.${region}`),
  };
  return { region, accessKeyId, secretAccessKey, sessionToken, endpoints };
}

/** `aws`, `aws-cn` or `aws-us-gov`: the second word of an ARN. */
export function partitionOf(region: string): string {
  if (region.startsWith("cn-")) return "aws-cn";
  return region.startsWith("us-gov-") ? "aws-us-gov" : "aws";
}

function endpoint(env: Environment, own: string, host: string): string {
  const name = env[own] ? own : "AWS_ENDPOINT_URL";
  const given = env[name];
  if (!given) return `https://${host}.amazonaws.com${host.includes(".cn-") ? ".cn" : ""}`;
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return given;
  throw new SecretError("SECRET_NO_ACCESS", `${name} is no http or https URL; secrets cannot be fetched from there`);
}
