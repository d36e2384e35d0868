import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { AwsClient } from "aws4fetch";
import { openConnection } from "../../shared/jetstream/connect.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { drain, startFunctions } from "../support/functions.ts";
import { startMoto } from "../support/moto.ts";
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
  const { AWS_ENDPOINT_URL = "", AWS_ACCESS_KEY_ID = "", AWS_SECRET_ACCESS_KEY = "" } = moto.env;
  const aws = new AwsClient({
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    region: "us-east-1",
    service: "ssm",
  });
  const putParameter = async (name: string, value: string): Promise<void> => {
    const headers = { "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "AmazonSSM.PutParameter" };
    const body = JSON.stringify({ Name: `/tls/${name}`, Type: "SecureString", Value: value, Overwrite: true });
    assert.equal((await aws.fetch(moto.endpoint, { method: "POST", headers, body })).status, 200);
  };
  const install = async ({ ca, server, client }: Credentials): Promise<void> => {
    const files = { "ca.pem": ca, "server.pem": server.cert, "server-key.pem": server.key };
    await Promise.all(Object.entries(files).map(([name, text]) => writeFile(join(folder, name), text)));
    await putParameter("ca", ca);
    await putParameter("cert", client.cert);
    await putParameter("key", client.key);
  };
  const [first, second] = await Promise.all([makeCredentials(), makeCredentials()]);
  await install(first);
  const path = (name: string): string => JSON.stringify(join(folder, name));
  const nats = await startNats(t, {
    config: `tls { cert_file: ${path("server.pem")}, key_file: ${path("server-key.pem")}, ca_file: ${path("ca.pem")}, verify: true }\n`,
  });
  const config = await writeYaml(folder, {
    connections: {
      main: { servers: [nats.url], tls: { ca: "ssm:/tls/ca", cert: "ssm:/tls/cert", key: "ssm:/tls/key" } },
    },
    trust: { v2: { trustedSigners: ["ab".repeat(32)] } },
    streams: {
      in: { connection: "main", subject: "in.{sender}", allowUnprovenSender: true },
      out: { connection: "main", subject: "out.{sender}", retention: "limits", allowUnprovenSender: true },
    },
    jobs: { work: { stream: "in", sink: "out" } },
    sinks: { out: { type: "jetstream", to: "out" } },
  });
  const lambda = await startFunctions(t, {
    config,
    outdir: join(folder, "lambda"),
    deploy: { consumer: { timeoutMs: 60_000 } },
    env: { AWS_ENDPOINT_URL },
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
