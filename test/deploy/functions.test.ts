import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { republishing } from "../support/config.ts";
import { makeFolder, writeYaml } from "../support/folder.ts";
import { drain, invoke, startFunctions } from "../support/functions.ts";
import { putParameter, startMoto } from "../support/moto.ts";
import { startNats } from "../support/nats.ts";

const PARAMETER = "/choria-bridge/nats-token";

const tokenConfig = (token: string): string => `authorization { token: "${token}" }\n`;

async function setup(t: TestContext) {
  const [moto, folder] = await Promise.all([startMoto(t), makeFolder(t)]);
  const nats = await startNats(t, { config: tokenConfig("first") });
  const putToken = (token: string): Promise<void> => putParameter(moto, PARAMETER, token);
  const config = await writeYaml(folder, republishing({ servers: [nats.url], tokenFile: `ssm:${PARAMETER}` }));
  const deployment = { timeoutMs: 30_000 };
  const lambda = await startFunctions(t, {
    config,
    outdir: join(folder, "lambda"),
    deploy: { consumer: deployment, sweeper: deployment },
    env: { AWS_ENDPOINT_URL: moto.endpoint },
  });
  /** What an operator does: a new token for the server and in the store, one after the other. */
  const restartWith = async (token: string): Promise<void> => {
    await writeFile(join(nats.storeDir, "nats-server.conf"), tokenConfig(token));
    await nats.server.kill("SIGKILL");
    await nats.server.restart();
  };
  const put = async (token: string, id: string): Promise<void> => {
    const connection = await nats.connect({ token });
    await connection.jetstream().publish("in.n1", "x", { msgID: id });
    await connection.close();
  };
  return { lambda, putToken, restartWith, put };
}

test("functions read their secrets when they start, and anew when a server refuses what they have", async (t) => {
  const { lambda, putToken, restartWith, put } = await setup(t);
  await putToken("first");
  assert.equal((await drain(lambda)).reason, "empty");

  await restartWith("second");
  await putToken("second");
  await put("second", "1");

  assert.equal((await drain(lambda)).processed, 1);
  assert.deepEqual(
    lambda.invocations.map(({ cold, outcome }) => [cold, outcome]),
    [
      [true, "ok"],
      [false, "ok"],
    ],
  );
  assert.equal((await invoke(lambda, "sweeper")).error, null);
});

test("a secret that is missing or wrong is told in one line that names it and holds no value, and nothing is touched", async (t) => {
  const { lambda, putToken, put } = await setup(t);

  const missing = await invoke(lambda, "consumer");
  await putToken("wrong-s3cr3t");
  const wrong = await invoke(lambda, "consumer");
  await putToken("first");
  assert.equal((await drain(lambda)).reason, "empty");
  await put("first", "1");
  await putToken("wrong-s3cr3t"); // what a warm function has still works
  const report = await drain(lambda);

  assert.match(
    JSON.stringify(missing.payload),
    /"errorType":"SecretError","errorMessage":"ssm:\/choria-bridge\/nats-token: /,
  );
  assert.match(
    JSON.stringify(wrong.payload),
    /"errorType":"ConnectError".*connection \\"main\\".*refused the credentials/,
  );
  assert.ok(lambda.logs("test-consumer").every(({ line }) => !line.includes("s3cr3t")));
  assert.equal(report.processed, 1);
});
