import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { openConnection } from "../../shared/jetstream/connect.ts";
import { republishing } from "../support/config.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { drain, startFunctions } from "../support/functions.ts";
import { putParameter, startMoto } from "../support/moto.ts";
import { startNats } from "../support/nats.ts";
import { makeTlsAuthority, type PemPair } from "../support/tls.ts";

/** What both ends have, by the last part of the parameters' names. */
interface Credentials {
  readonly ca: string;
  readonly server: PemPair;
  readonly client: PemPair;
}

async function makeCredentials(): Promise<Credentials> {
  const authority = await makeTlsAuthority();
  return { ca: authority.ca, server: await authority.issue("server"), client: await authority.issue("client") };
}

test("a function whose certificates were replaced with their authority reads them anew when it cannot connect", async (t) => {
  const [moto, folder] = await Promise.all([startMoto(t), makeFolder(t)]);
  const install = async ({ ca, server, client }: Credentials): Promise<void> => {
    const files = { "ca.pem": ca, "server.pem": server.cert, "server-key.pem": server.key };
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    await putParameter(moto, "/tls/ca", ca);
    await putParameter(moto, "/tls/cert", client.cert);
    await putParameter(moto, "/tls/key", client.key);
  };
  const [first, second] = await Promise.all([makeCredentials(), makeCredentials()]);
  await install(first);
  const path = (name: string): string => JSON.stringify(join(folder, name));
  const nats = await startNats(t, {
    config: `tls { cert_file: ${path("server.pem")}, key_file: ${path("server-key.pem")}, ca_file: ${path("ca.pem")}, verify: true }\n`,
  });
  const tlsSecrets = { ca: "ssm:/tls/ca", cert: "ssm:/tls/cert", key: "ssm:/tls/key" };
  const config = await writeYaml(folder, republishing({ servers: [nats.url], tls: tlsSecrets }));
  const lambda = await startFunctions(t, {
    config,
    outdir: join(folder, "lambda"),
    deploy: { consumer: { timeoutMs: 60_000 } },
    env: { AWS_ENDPOINT_URL: moto.endpoint },
  });
  assert.equal((await drain(lambda)).reason, "empty");

  await install(second);
  await nats.server.kill("SIGKILL");
  await nats.server.restart();
  const tls = { ca: second.ca, ...second.client };
  const connection = await openConnection(
    { name: "test", servers: [nats.url], tls, credentials: { type: "none" } },
    "test",
  );
  t.after(() => connection.close());
  await connection.jetstream().publish("in.n1", "x");
  const report = await drain(lambda);

  assert.equal(report.processed, 1);
  assert.deepEqual(
    lambda.invocations.map(({ cold }) => cold),
    [true, false],
  );
});
