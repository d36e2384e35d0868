import type { SecretName } from "../config/secret-name.ts";
import type { AwsAccess } from "./access.ts";
import { parameterResults, refusal, type SecretResult, secretResult } from "./answers.ts";
import { callAws, NETWORK, type Network } from "./call.ts";
import { secretError } from "./secret-error.ts";

/** What `GetParameters` takes at most. */
const PARAMETERS_PER_CALL = 10;

/**
 * The values of the secrets, by their names as they are written: ten parameters to a request, one secret of Secrets
 * Manager (its batches would need a permission for all secrets). Rejects with one `SecretError` that names all failures.
 */
export async function fetchSecrets(
  names: readonly SecretName[],
  access: AwsAccess,
  network: Network = NETWORK,
): Promise<ReadonlyMap<string, string>> {
  const unique = [...new Map(names.map((name) => [name.text, name])).values()];
  const parameters = unique.filter(({ store }) => store === "ssm");
  const secrets = unique.filter(({ store }) => store === "secretsmanager");
  const ids = [...new Set(secrets.map(({ id }) => id))];
  const results = await Promise.all([
    ...batchesOf(parameters).map((batch) => getParameters(batch, access, network)),
    ...ids.map((id) =>
      getSecret(
        id,
        secrets.filter((name) => name.id === id),
        access,
        network,
      ),
    ),
  ]);
  return valuesOf(results.flat());
}

/** A batch is refused as a whole for any one of its names, so that each is then asked for alone, to tell which. */
async function getParameters(
  names: readonly SecretName[],
  access: AwsAccess,
  network: Network,
): Promise<readonly SecretResult[]> {
  const input = { Names: names.map(({ id }) => id), WithDecryption: true };
  const answer = await callAws({ store: "ssm", target: "AmazonSSM.GetParameters", input }, access, network);
  if (answer.type === "output") return parameterResults(names, answer.output, access);
  if (answer.type === "unavailable" || names.length === 1) return names.map((name) => refusal(name, answer, access));
  const alone = await Promise.all(names.map((name) => getParameters([name], access, network)));
  return alone.flat();
}

/** One secret; `names` may mean several values of it. */
async function getSecret(
  id: string,
  names: readonly SecretName[],
  access: AwsAccess,
  network: Network,
): Promise<readonly SecretResult[]> {
  const input = { SecretId: id };
  const answer = await callAws(
    { store: "secretsmanager", target: "secretsmanager.GetSecretValue", input },
    access,
    network,
  );
  if (answer.type !== "output") return names.map((name) => refusal(name, answer, access));
  return names.map((name) => secretResult(name, answer.output));
}

function batchesOf(names: readonly SecretName[]): readonly (readonly SecretName[])[] {
  const count = Math.ceil(names.length / PARAMETERS_PER_CALL);
  return Array.from({ length: count }, (_, index) =>
    names.slice(index * PARAMETERS_PER_CALL, (index + 1) * PARAMETERS_PER_CALL),
  );
}

function valuesOf(results: readonly SecretResult[]): ReadonlyMap<string, string> {
  const [first, ...others] = results.filter((result) => result.type === "failure");
  if (first !== undefined) throw secretError([first, ...others]);
  return new Map(results.flatMap((result) => (result.type === "value" ? [[result.name, result.value]] : [])));
}
